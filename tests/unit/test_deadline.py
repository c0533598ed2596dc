"""Deadlines in virtual time: who cancelled whom, one timer for many, and what is deaf."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ael.deadline import Deadlines
from ael.ports import TimerHandle
from ael.testing import VirtualClock, run_virtual
from tests.build import sleep


class CountingClock(VirtualClock):
    """Counts its timers."""

    def __init__(self) -> None:
        self.made = 0

    def call_later(self, seconds: float, callback: Callable[[], object]) -> TimerHandle:
        self.made += 1
        return super().call_later(seconds, callback)


def never(task: asyncio.Task[object]) -> None:
    raise AssertionError("the work is not deaf")


async def within(deadlines: Deadlines, limit: float, work: float) -> tuple[bool, bool, float]:
    """(expired, cancelled besides, when) of some work under a deadline."""
    deadline = deadlines.open(limit, never)
    besides = False
    try:
        await sleep(work)
    except asyncio.CancelledError:
        besides = deadline.close()
        if besides:
            raise
    else:
        deadline.close()
    return deadline.expired, besides, asyncio.get_running_loop().time()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 4), st.integers(0, 8)), min_size=1, max_size=12))
def test_work_ends_by_itself_or_at_its_deadline(tasks: list[tuple[int, int, int]]) -> None:
    """Each: when it begins, its limit, how long it would take (half a second off, so that nothing ties)."""

    async def one(deadlines: Deadlines, begin: int, limit: int, work: int) -> tuple[bool, bool, float]:
        await sleep(begin)
        return await within(deadlines, limit, work + 0.5)

    async def main() -> list[tuple[bool, bool, float]]:
        deadlines = Deadlines(VirtualClock(), grace=1)
        made = [asyncio.ensure_future(one(deadlines, *each)) for each in tasks]
        return list(await asyncio.gather(*made))

    for (begin, limit, work), end in zip(tasks, run_virtual(main()), strict=True):
        assert end == (limit < work + 0.5, False, begin + min(limit, work + 0.5))


def test_many_of_equal_length_share_a_timer() -> None:
    async def main() -> int:
        clock = CountingClock()
        deadlines = Deadlines(clock, grace=1)
        for _ in range(1000):
            deadlines.open(30, never).close()
        assert clock.made == 1
        deadlines.open(20, never).close()
        assert clock.made == 2, "another length has another"
        deadlines.stop()
        return len(asyncio.get_running_loop()._scheduled)  # type: ignore[attr-defined]

    assert run_virtual(main()) <= 2


def test_closed_deadlines_are_forgotten_and_open_ones_keep_their_time() -> None:
    async def main() -> None:
        deadlines = Deadlines(VirtualClock(), grace=1)
        for _ in range(500):
            deadlines.open(10, never).close()
        assert sum(len(queue) for queue in deadlines._queues.values()) == 1, "before any timer has rung"
        await sleep(4)
        assert await within(deadlines, 10, 99) == (True, False, 14)
        assert sum(len(queue) for queue in deadlines._queues.values()) == 0
        await sleep(50)
        assert await within(deadlines, 10, 99) == (True, False, 74), "the timer was gone, and is set again"

    run_virtual(main())


def test_a_timer_that_finds_only_closed_ones_is_not_set_again() -> None:
    async def main() -> None:
        clock = CountingClock()
        deadlines = Deadlines(clock, grace=1)
        deadlines.open(5, never).close()
        await sleep(20)
        assert clock.made == 1

    run_virtual(main())


def test_a_cancellation_by_somebody_else_is_not_mistaken() -> None:
    async def main() -> None:
        deadlines = Deadlines(VirtualClock(), grace=1)
        task = asyncio.ensure_future(within(deadlines, 10, 99))
        await sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert not task.cancelled(), "the deadline had not expired: to close it says nothing of others"
        assert task.result() == (False, False, 1)

    run_virtual(main())


@pytest.mark.parametrize("first", ["the deadline", "somebody else"])
def test_a_cancellation_at_the_same_moment_is_told_apart(first: str) -> None:
    async def main() -> None:
        deadlines = Deadlines(VirtualClock(), grace=1)
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(within(deadlines, 10, 99))
        if first == "somebody else":
            loop.call_later(10, task.cancel)
        await asyncio.sleep(0)
        if first == "the deadline":
            loop.call_later(10, task.cancel)
        await asyncio.wait([task])
        assert task.cancelled(), "both: the other one counts"

    run_virtual(main())


def test_a_cancellation_from_before_is_not_the_deadlines() -> None:
    """Inside a task that is being cancelled already, for its cleanup."""

    async def main() -> None:
        deadlines = Deadlines(VirtualClock(), grace=1)
        seen: list[tuple[bool, bool, float]] = []

        async def cleans_up() -> None:
            try:
                await sleep(99)
            except asyncio.CancelledError:
                seen.append(await within(deadlines, 2, 99))
                raise

        task = asyncio.ensure_future(cleans_up())
        await sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert seen == [(True, False, 3)]

    run_virtual(main())


def test_after_a_deadline_the_task_can_go_on() -> None:
    async def main() -> None:
        deadlines = Deadlines(VirtualClock(), grace=5)
        task = asyncio.current_task()
        assert task is not None
        for round_ in range(1, 4):
            assert await within(deadlines, 2, 99) == (True, False, 2 * round_)
            assert task.cancelling() == 0
        await sleep(99)

    run_virtual(main())


@pytest.mark.parametrize(("cleanup", "deaf_at"), [(4.5, None), (5.5, 7.0)], ids=["in time", "too slow"])
def test_deaf_work_is_told_of_after_the_grace(cleanup: float, deaf_at: float | None) -> None:
    async def main() -> list[float]:
        told: list[float] = []
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(VirtualClock(), grace=5)
        deadline = deadlines.open(2, lambda task: told.append(loop.time()))
        try:
            await sleep(99)
        except asyncio.CancelledError:
            await sleep(cleanup)
        assert not deadline.close()
        await sleep(99)
        return told

    assert run_virtual(main()) == ([] if deaf_at is None else [deaf_at])


def test_a_stopped_one_never_falls_due() -> None:
    async def main() -> None:
        deadlines = Deadlines(VirtualClock(), grace=1)
        deadline = deadlines.open(2, never)
        other = deadlines.open(3, never)
        deadlines.stop()
        await sleep(99)
        assert (deadline.expired, other.expired) == (False, False)
        assert not deadline.close()
        deadlines.stop()

    run_virtual(main())


def test_it_needs_a_task() -> None:
    loop = asyncio.new_event_loop()
    problems: list[BaseException] = []

    def outside() -> None:
        try:
            Deadlines(VirtualClock(), grace=1).open(1, never)
        except AssertionError as error:
            problems.append(error)
        loop.stop()

    loop.call_soon(outside)
    loop.run_forever()
    loop.close()
    assert "needs a task" in str(problems[0])
