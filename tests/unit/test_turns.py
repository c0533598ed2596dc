"""Turns: who waits for the next holds nobody up."""

from __future__ import annotations

import asyncio

from ael.turns import TURN_NS, Turns


class Ticking:
    """Time that passes with every piece of work, and counts how often somebody looks."""

    def __init__(self) -> None:
        self.ns = 0
        self.looks = 0

    def __call__(self) -> int:
        self.looks += 1
        return self.ns


async def test_who_is_cancelled_in_line_holds_nobody_up() -> None:
    now = Ticking()
    turns = Turns(now, lambda: None)
    now.ns += TURN_NS
    tasks = [asyncio.ensure_future(turns.wait()) for _ in range(200)]
    await asyncio.sleep(0)
    for task in tasks[:199]:
        task.cancel()
    await asyncio.wait_for(tasks[199], 5)
    assert all(task.cancelled() for task in tasks[:199])
