"""Slots: never more than the limit, first come first served, none lost however a wait ends."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ael.errors import ToolError
from ael.ports import ToolCall
from ael.slots import Slots
from ael.testing import make_engine, run_virtual
from ael.types import ExecutionResult, OnError, RetryConfig, TimeoutConfig
from tests.build import sleep, step, workflow


def never_freed() -> None:
    raise AssertionError("nobody should be told")


async def test_without_a_limit_there_is_always_room() -> None:
    freed: list[int] = []
    slots = Slots(None, lambda: freed.append(1))
    slots.free -= 10_000
    await slots.wait_without(asyncio.sleep(0))
    assert slots.free > 10**12
    assert freed == [1]


async def test_a_slot_given_back_goes_to_the_first_that_waits() -> None:
    slots = Slots(0, never_freed)
    turns = [asyncio.get_running_loop().create_future() for _ in range(3)]
    slots.queue.extend(turns)
    turns[0].cancel()
    slots.release()
    assert [turn.done() for turn in turns] == [True, True, False]
    assert slots.free == 0
    slots.release()
    slots.release()
    assert slots.free == 1
    assert not slots.queue


async def test_if_all_that_waited_are_gone_the_slot_is_free() -> None:
    slots = Slots(0, never_freed)
    gone = asyncio.get_running_loop().create_future()
    slots.queue.append(gone)
    gone.cancel()
    slots.release()
    assert slots.free == 1
    assert not slots.queue


async def test_while_one_waits_another_has_the_slot() -> None:
    log: list[str] = []
    slots = Slots(1, lambda: log.append(f"freed {slots.free}"))
    slots.free -= 1
    other = asyncio.Event()

    async def first() -> None:
        await slots.wait_without(other.wait())
        log.append("back")

    task = asyncio.ensure_future(first())
    await asyncio.sleep(0)
    assert log == ["freed 1"]
    slots.free -= 1  # the driver starts somebody else
    other.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert log == ["freed 1"], "it must wait for its turn"
    slots.release()
    await task
    assert log == ["freed 1", "back"]
    assert slots.free == 0


@pytest.mark.parametrize("when", ["while it waits", "in the queue", "with the slot just handed over"])
async def test_a_cancelled_wait_leaves_the_count_right(when: str) -> None:
    slots = Slots(1, lambda: None)
    slots.free -= 1
    other = asyncio.Event()

    async def first() -> None:
        try:
            await slots.wait_without(other.wait())
        finally:
            slots.release()  # as the driver does when the step's task ends

    task = asyncio.ensure_future(first())
    await asyncio.sleep(0)
    slots.free -= 1  # somebody else has it now
    if when != "while it waits":
        other.set()
        while not slots.queue:
            await asyncio.sleep(0)
    if when == "with the slot just handed over":
        slots.release()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert slots.free == 1
        return
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slots.free == 0, "the other still has it"
    slots.release()
    assert slots.free == 1


async def test_a_wait_that_fails_holds_its_slot_again() -> None:
    slots = Slots(1, lambda: None)
    slots.free -= 1

    async def broken() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await slots.wait_without(broken())
    assert slots.free == 0


def test_a_total_timeout_during_backoff_lets_nobody_in_beside_the_others() -> None:
    """``waits`` is given up at 3 s while ``works`` has the only slot and ``comes_back`` queues for it."""
    running, most = 0, 0

    async def act(call: ToolCall) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await sleep(10 if call.path == "works" else 0.5)
        running -= 1
        if call.path != "works" and call.attempt == 1:
            raise ToolError("not yet")

    async def main() -> ExecutionResult:
        definition = workflow(
            step("waits", "act", retry=RetryConfig(delay=20), timeout=TimeoutConfig(total=3), on_error=OnError.SKIP),
            step("comes_back", "act", retry=RetryConfig(delay=0.5, jitter="none")),
            step("works", "act"),
            max_parallel=1,
        )
        return await make_engine(definition, tools={"act": act}).execute("w")

    result = run_virtual(main())
    assert [(each.status.value, each.duration_ms) for each in result] == [
        ("skipped", 3000), ("completed", 11000), ("completed", 10000),
    ]  # fmt: skip
    assert most == 1


@settings(max_examples=100, deadline=None)
@given(
    limit=st.integers(1, 4),
    workers=st.lists(
        st.tuples(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.none() | st.integers(0, 12)),
        min_size=1,
        max_size=8,
    ),
)
def test_whatever_happens_the_limit_holds_and_no_slot_is_lost(
    limit: int, workers: list[tuple[list[int], int | None]]
) -> None:
    """Workers that alternate work and waits, some cancelled at odd moments; times in seconds."""
    working: set[int] = set()
    most = 0

    async def main() -> int:
        ready = list(range(len(workers)))
        tasks: list[asyncio.Task[None]] = []

        def pump() -> None:
            while ready and slots.free > 0:
                slots.free -= 1
                tasks.append(asyncio.ensure_future(work(ready.pop(0))))

        async def busy(number: int, seconds: float) -> None:
            nonlocal most
            working.add(number)
            most = max(most, len(working))
            try:
                await sleep(seconds + 0.5)
            finally:
                working.discard(number)

        async def work(number: int) -> None:
            times, patience = workers[number]
            task = asyncio.current_task()
            assert task is not None
            if patience is not None:
                asyncio.get_running_loop().call_later(patience, task.cancel)
            try:
                for seconds in times:
                    await busy(number, seconds)
                    await slots.wait_without(sleep(seconds))
                await busy(number, 0)
            finally:
                slots.release()
                pump()

        slots = Slots(limit, pump)
        pump()
        while any(not task.done() for task in tasks):
            await asyncio.wait(tasks)
        assert len(tasks) == len(workers)
        return slots.free

    assert run_virtual(main()) == limit
    assert most <= limit
