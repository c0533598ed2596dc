"""A renderer that takes its time: a job is done when its state has been asked for often enough."""

from typing import Literal, TypedDict

import ael

ROUNDS = 4
_asked: dict[str, int] = {}


class Job(TypedDict):
    """What ``render.start`` returns."""

    job: str


class State(TypedDict):
    """What ``render.state`` returns."""

    state: Literal["running", "done", "failed"]
    percent: int


@ael.tool(name="render.start")
async def start(scene: str) -> Job:
    """Start to render a scene.

    Args:
        scene: What to render.
    """
    _asked[scene] = 0
    return {"job": scene}


@ael.tool(name="render.state", read_only=True)
async def state(job: str, ctx: ael.ToolContext) -> State:
    """Say how far a job is. The second time it is asked, it has to be asked again.

    Args:
        job: What ``render.start`` returned.
    """
    if _asked[job] == 1 and ctx.attempt == 1:
        raise ael.ToolError("too busy to say", code="BUSY", retry_after=0.05)
    _asked[job] += 1
    if _asked[job] < ROUNDS:
        return {"state": "running", "percent": 100 * _asked[job] // ROUNDS}
    return {"state": "failed" if job == "nothing" else "done", "percent": 100}


@ael.tool(name="render.fetch", read_only=True)
async def fetch(job: str) -> str:
    """The name of the finished picture.

    Args:
        job: What ``render.start`` returned.
    """
    return f"{job}.png"
