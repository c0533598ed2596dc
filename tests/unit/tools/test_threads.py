"""Threads for synchronous tools: counted, reused, left behind, and never in the way of the interpreter's end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from ael.tools.threads import DaemonThreads

EXITS = """
import asyncio, threading
from ael.tools.threads import DaemonThreads

async def main():
    threads = DaemonThreads(2)
    began = threading.Event()
    def hang():
        began.set()
        threading.Event().wait()
    task = asyncio.create_task(threads.run(hang))
    while not began.is_set():
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    print(task.cancelled(), threads.busy)
    {close}

asyncio.run(main())
"""


class Gate:
    """Work that begins and waits until it is let go."""

    def __init__(self, value: object = None) -> None:
        self.began = threading.Event()
        self.open = threading.Event()
        self.value = value

    def __call__(self) -> object:
        self.began.set()
        assert self.open.wait(30)
        return self.value


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


async def test_at_most_so_many_run_and_the_others_wait_in_order() -> None:
    threads = DaemonThreads(2)
    gates = [Gate(number) for number in range(4)]
    tasks = [asyncio.create_task(threads.run(gate)) for gate in gates]
    await until(lambda: gates[0].began.is_set() and gates[1].began.is_set())
    assert threads.busy == 2
    assert not gates[2].began.is_set()
    gates[1].open.set()
    await until(gates[2].began.is_set)
    assert not gates[3].began.is_set()
    for gate in gates:
        gate.open.set()
    assert await asyncio.gather(*tasks) == [0, 1, 2, 3]
    await until(lambda: threads.busy == 0)


async def test_a_thread_left_behind_keeps_its_place_until_it_returns() -> None:
    threads = DaemonThreads(1)
    gate, after = Gate("late"), Gate("next")
    first = asyncio.create_task(threads.run(gate))
    await until(gate.began.is_set)
    second = asyncio.create_task(threads.run(after))
    first.cancel()
    await asyncio.wait([first])
    assert first.cancelled()
    await asyncio.sleep(0)
    assert threads.busy == 1
    assert not after.began.is_set()
    gate.open.set()
    after.open.set()
    assert await second == "next"


async def test_waiting_for_a_place_can_be_cancelled() -> None:
    threads = DaemonThreads(1)
    gate, never, last = Gate(), Gate(), Gate("last")
    running = asyncio.create_task(threads.run(gate))
    waiting = asyncio.create_task(threads.run(never))
    behind = asyncio.create_task(threads.run(last))
    await until(gate.began.is_set)
    waiting.cancel()
    await asyncio.wait([waiting])
    gate.open.set()
    last.open.set()
    assert await behind == "last"
    await running
    assert not never.began.is_set()
    await until(lambda: threads.busy == 0)


async def test_a_place_handed_to_a_caller_just_cancelled_goes_on_to_the_next() -> None:
    threads = DaemonThreads(1)
    gate, never, last = Gate(), Gate(), Gate("last")
    running = asyncio.create_task(threads.run(gate))
    waiting = asyncio.create_task(threads.run(never))
    behind = asyncio.create_task(threads.run(last))
    await until(gate.began.is_set)
    gate.open.set()
    last.open.set()
    while len(threads._waiting) > 1:
        pass  # the loop stands still: the place is handed over, and nobody has noticed
    waiting.cancel()
    await asyncio.wait([waiting, running])
    assert await behind == "last"
    assert not never.began.is_set()
    await until(lambda: threads.busy == 0)


async def test_threads_are_used_again() -> None:
    threads = DaemonThreads(4)
    names = {await threads.run(lambda: threading.current_thread().name) for _ in range(10)}
    assert len(names) == 1


async def test_closing_ends_idle_threads_and_those_left_behind_when_they_return() -> None:
    threads = DaemonThreads(2)
    idle = await threads.run(threading.current_thread)
    gate = Gate()
    task = asyncio.create_task(threads.run(lambda: (gate(), threading.current_thread())))
    await until(gate.began.is_set)
    threads.close()
    threads.close()
    gate.open.set()
    (_, busy) = await task
    for thread in (idle, busy):
        thread.join(30)
        assert not thread.is_alive()


def test_the_count_outlives_a_loop() -> None:
    threads = DaemonThreads(1)
    gate = Gate()

    async def leave() -> None:
        task = asyncio.create_task(threads.run(gate))
        await until(gate.began.is_set)
        task.cancel()
        await asyncio.wait([task])

    async def go_on() -> object:
        task = asyncio.create_task(threads.run(lambda: "went on"))
        await asyncio.sleep(0)
        assert threads.busy == 1
        gate.open.set()
        return await task

    asyncio.run(leave())
    assert asyncio.run(go_on()) == "went on"


async def test_a_late_coroutine_is_closed() -> None:
    async def unwanted() -> None: ...

    threads = DaemonThreads(1)
    made = unwanted()
    gate = Gate(made)
    task = asyncio.create_task(threads.run(gate))
    await until(gate.began.is_set)
    task.cancel()
    await asyncio.wait([task])
    gate.open.set()
    await until(lambda: made.cr_frame is None)


@pytest.mark.parametrize("close", ["threads.close()", "pass"], ids=["closed", "not closed"])
def test_a_thread_left_behind_does_not_keep_the_interpreter(close: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", EXITS.replace("{close}", close)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True 1\n", "")
