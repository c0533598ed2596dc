"""Two libraries, one of which is near and knows little, and somebody who knows what an answer is worth."""

import asyncio

import ael

NEAR = {"what is ael?": "an engine"}


@ael.tool(name="search.near", read_only=True)
async def near(question: str) -> str:
    """Look it up here: fast, if it is there.

    Args:
        question: What to look for.
    """
    await asyncio.sleep(0.01)
    if question not in NEAR:
        raise ael.ToolError("nothing on that here", code="NOT_FOUND", retryable=False)
    return NEAR[question]


@ael.tool(name="search.far", read_only=True)
async def far(question: str) -> str:
    """Ask elsewhere: slow, but there is always an answer.

    Args:
        question: What to look for.
    """
    await asyncio.sleep(0.5)
    return f"many things are said about {question!r}"


@ael.tool(name="search.judge", read_only=True)
async def judge(source: str, answer: str) -> str:
    """What an answer is worth.

    Args:
        source: "near" or "far".
        answer: What was found.
    """
    return f"{source}: {'short' if len(answer) < 20 else 'long'}"
