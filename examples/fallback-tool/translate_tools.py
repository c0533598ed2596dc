"""Two translators, neither of which knows much."""

import ael

GOOD = {"good morning": "bonjour", "thank you": "merci"}
PLAIN = {"cat": "chat", "dog": "chien"}


@ael.tool(name="translate.good", read_only=True)
async def good(text: str) -> str:
    """Translate into French, well.

    Args:
        text: In English.
    """
    if not text.isprintable():
        raise ael.ToolError("that is no text", code="TEXT_REFUSED", retryable=False)
    if text not in GOOD:
        raise ael.ToolError(f"no idea what {text!r} is", code="UNKNOWN_TEXT")
    return GOOD[text]


@ael.tool(name="translate.plain", read_only=True)
async def plain(text: str) -> str:
    """Translate into French, word by word.

    Args:
        text: In English.
    """
    try:
        return " ".join(PLAIN[word] for word in text.split())
    except KeyError as error:
        raise ael.ToolError(f"no word for {error}", code="UNKNOWN_WORD") from error
