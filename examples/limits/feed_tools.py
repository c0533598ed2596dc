"""A service that counts who is there."""

import asyncio
from typing import TypedDict

import ael


class Room:
    """Counts who is in it."""

    inside = 0
    most = 0

    async def stay(self) -> None:
        """Be in it for a moment."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0.01)
        self.inside -= 1


ROOM = Room()


class News(TypedDict):
    """What ``feeds.news`` returns."""

    most_at_once: int


@ael.tool(name="feeds.read", read_only=True)
async def read(number: int) -> str:
    """The title of a feed. Every fifth is broken for good.

    Args:
        number: From 0 on.
    """
    await ROOM.stay()
    if number % 5 == 4:
        raise ael.ToolError(f"feed {number} is broken", code="BROKEN", retryable=False)
    return f"feed {number}"


@ael.tool(name="feeds.news", read_only=True)
async def news() -> News:
    """How many calls there have been at once so far."""
    await ROOM.stay()
    return {"most_at_once": ROOM.most}
