"""Turns: who waits for the next stands in line, and costs nothing meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from ael.testing import run_virtual
from ael.turns import TURN_NS, Turns


class Ticking:
    """Time that passes with every piece of work, and counts how often somebody looks."""

    def __init__(self) -> None:
        self.ns = 0
        self.looks = 0

    def __call__(self) -> int:
        self.looks += 1
        return self.ns


@pytest.mark.parametrize("tasks", [1, 5, 3000])
@pytest.mark.parametrize("share", [2, 0.5, 0.001], ids=lambda share: f"each takes {share} turns")
def test_all_have_their_turn_in_order_however_many_wait(tasks: int, share: float) -> None:
    now = Ticking()
    done: list[int] = []
    passes = 0

    async def work(number: int) -> None:
        if now() >= turns.ends:
            await turns.wait()
        now.ns += int(TURN_NS * share)
        done.append(number)

    async def main() -> None:
        nonlocal turns, passes
        turns = Turns(now, lambda: resumed.append(len(done)))
        now.ns += TURN_NS
        working = [asyncio.ensure_future(work(number)) for number in range(tasks)]
        while not all(task.done() for task in working[-1:]):
            passes += 1
            await asyncio.sleep(0)

    turns: Turns
    resumed: list[int] = []
    run_virtual(main())
    assert done == list(range(tasks))
    assert now.looks < 80 * tasks + 1000, "not everybody looks in every pass"
    assert passes <= 3 * tasks * max(share, 1 / 64) + 10
    assert resumed, "new steps start when nobody is left in line"
    assert resumed[0] >= tasks - 64


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
