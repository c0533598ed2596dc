"""Two tools: plain functions with type hints and a docstring, which becomes their schema."""

from typing import TypedDict

import ael


class Greeting(TypedDict):
    """What ``greet`` returns."""

    text: str
    language: str


GREETINGS = {"en": "Hello", "fr": "Bonjour", "sw": "Habari"}


@ael.tool(read_only=True)
async def greet(name: str, language: str = "en") -> Greeting:
    """Greet somebody.

    Args:
        name: Who to greet.
        language: "en", "fr" or "sw".
    """
    if language not in GREETINGS:
        raise ael.ToolError(f"nobody here speaks {language!r}", code="UNKNOWN_LANGUAGE", retryable=False)
    return {"text": f"{GREETINGS[language]}, {name}", "language": language}


@ael.tool(read_only=True)
def favourite_number(name: str, ctx: ael.ToolContext) -> int:
    """Guess somebody's favourite number. Synchronous, so that it runs in a thread.

    It fails the first time it is asked, as services do.

    Args:
        name: Whose number.
    """
    if ctx.attempt == 1:
        raise ConnectionError("the fortune teller is out")
    return sum(map(ord, name)) % 100
