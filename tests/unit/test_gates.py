"""Waiting for pools on a loop: turns, rates in virtual time, cancellation at every moment, one loop after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from ael.definition import PoolDefinition
from ael.gates import Gates
from ael.pools import Ticket
from ael.ports import TimerHandle
from ael.testing import VirtualClock, run_virtual
from tests.build import sleep


class CountingClock(VirtualClock):
    """Knows the timers it has set."""

    def __init__(self) -> None:
        self.timers: list[asyncio.TimerHandle] = []

    def call_later(self, seconds: float, callback: Callable[[], object]) -> TimerHandle:
        assert seconds > 0
        timer = asyncio.get_running_loop().call_later(seconds, callback)
        self.timers.append(timer)
        return timer

    def pending(self) -> int:
        now = asyncio.get_running_loop().time()
        return sum(not timer.cancelled() and timer.when() > now for timer in self.timers)


def make(concurrency: int | None = None, rate: tuple[int, float] | None = None, name: str = "p") -> Gates:
    return Gates(CountingClock(), {name: PoolDefinition(name, concurrency, rate)})


def run(main: Coroutine[None, None, None]) -> None:
    async def watched() -> None:
        problems: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(str(context)))
        await main
        assert not problems

    run_virtual(watched())


async def passes(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_two_executions_take_turns() -> None:
    starts = ""

    async def attempt(gates: Gates, owner: str) -> None:
        nonlocal starts
        ticket = await gates.acquire(owner, ["p"])
        starts += owner
        await sleep(1)
        gates.release(ticket)

    async def main() -> None:
        gates = make(concurrency=1)
        await asyncio.gather(*(attempt(gates, owner) for owner in "aaaabbbb"))
        assert asyncio.get_running_loop().time() == 8

    run(main())
    assert starts == "abababab"


def test_rates_start_at_their_time() -> None:
    async def main() -> None:
        gates = make(rate=(2, 60.0))
        starts: list[float] = []

        async def attempt() -> None:
            gates.release(await gates.acquire("x", ["p"]))
            starts.append(asyncio.get_running_loop().time())

        await asyncio.gather(*(attempt() for _ in range(5)))
        assert starts == [0, 0, 60, 60, 120]

    run(main())


def test_room_that_is_there_is_taken_without_a_pass_of_the_loop() -> None:
    async def main() -> None:
        work = make(concurrency=1).acquire("x", ["p"])
        with pytest.raises(StopIteration) as stop:
            work.send(None)
        assert stop.value.value.granted

    run(main())


def test_who_asks_is_called_back_later_and_in_order() -> None:
    async def main() -> None:
        gates = make(concurrency=1)
        told: list[str] = []
        first = gates.ask("x", ["p"], lambda: told.append("first"))
        gates.ask("x", ["p"], lambda: told.append("second"))
        free = gates.ask("x", ["other"], lambda: told.append("free"))
        assert (first.granted, free.granted, told) == (True, True, [])
        await passes()
        assert told == ["first", "free"]
        gates.release(first)
        assert told == ["first", "free"], "never from inside a release"
        await passes()
        assert told == ["first", "free", "second"]

    run(main())


@pytest.mark.parametrize("give_up", [Gates.release, Gates.withdraw], ids=["release", "withdraw"])
@pytest.mark.parametrize("moment", ["while it waits", "granted, and not told"])
def test_who_gives_up_is_not_called_back(give_up: Callable[[Gates, Ticket], None], moment: str) -> None:
    async def main() -> None:
        gates = make(concurrency=1)
        told: list[str] = []
        first = gates.ask("x", ["p"], lambda: told.append("first"))
        second = gates.ask("x", ["p"], lambda: told.append("second"))
        gates.ask("x", ["p"], lambda: told.append("third"))
        await passes()
        if moment == "while it waits":
            give_up(gates, second)
            gates.release(first)
        else:
            gates.release(first)
            assert second.granted
            give_up(gates, second)
        give_up(gates, second)
        await passes()
        assert told == ["first", "third"]

    run(main())


def test_what_was_not_begun_is_no_start() -> None:
    async def main() -> None:
        gates = make(rate=(1, 60.0))
        unused = gates.ask("x", ["p"], lambda: pytest.fail("it was released before"))
        gates.release(unused)
        begun = await gates.acquire("x", ["p"])
        assert asyncio.get_running_loop().time() == 0
        gates.release(begun)
        gates.release(await gates.acquire("x", ["p"]))
        assert asyncio.get_running_loop().time() == 60
        taken = await gates.acquire("x", ["p"])
        assert asyncio.get_running_loop().time() == 120
        gates.withdraw(taken)
        await gates.acquire("x", ["p"])
        assert asyncio.get_running_loop().time() == 120

    run(main())


@pytest.mark.parametrize("turn", range(8))
@pytest.mark.parametrize("before", [True, False], ids=["cancelled before the loop runs", "and after"])
def test_a_cancellation_at_any_moment_leaves_nothing_behind(turn: int, before: bool) -> None:
    """One releases in the second pass; ``patient`` is cancelled in any; ``late`` gets the room whatever happens."""

    async def main() -> None:
        gates = make(concurrency=1)
        holder = await gates.acquire("x", ["p"])

        async def wait() -> None:
            ticket = await gates.acquire("x", ["p"])
            try:
                await asyncio.sleep(0)
            finally:
                gates.release(ticket)

        patient = asyncio.ensure_future(wait())
        late = asyncio.ensure_future(gates.acquire("x", ["p"]))
        for number in range(8):
            if number == turn and before:
                patient.cancel()
            if number == 2:
                gates.release(holder)
            if number == turn and not before:
                patient.cancel()
            await asyncio.sleep(0)
        ticket = await late
        assert ticket.granted
        assert patient.done()
        gates.release(ticket)
        assert (await gates.acquire("x", ["p"])).granted

    run(main())


def test_one_timer_for_all_and_none_when_nobody_waits() -> None:
    async def main() -> None:
        clock = CountingClock()
        gates = Gates(clock, {"p": PoolDefinition("p", None, (1, 60.0)), "q": PoolDefinition("q", None, (1, 5.0))})
        for name in "pq":
            await gates.acquire("x", [name])
        assert clock.pending() == 0
        waiting = [gates.ask("x", [name], lambda: None) for name in "ppqq"]
        assert clock.pending() == 1
        await sleep(5)
        assert [ticket.granted for ticket in waiting] == [False, False, True, False]
        assert clock.pending() == 1
        for ticket in waiting:
            gates.release(ticket)
        assert clock.pending() == 0
        gates.ask("x", ["p"], lambda: None)
        assert clock.pending() == 1
        gates.close()
        assert clock.pending() == 0

    run(main())


def test_a_rate_is_kept_also_where_seconds_are_coarse() -> None:
    """After months of uptime, a nanosecond is less than what the loop's float can tell."""

    async def main() -> None:
        await sleep(1e7)
        gates = make(rate=(1, 0.3))
        for _ in range(5):
            gates.release(await gates.acquire("x", ["p"]))
        assert asyncio.get_running_loop().time() - 1e7 == pytest.approx(1.2, abs=1e-5)

    run(main())


def test_one_loop_after_another() -> None:
    gates = make(concurrency=1, rate=(3, 60.0))
    left: list[Ticket] = []

    async def first() -> None:
        left.append(await gates.acquire("x", ["p"]))
        left.append(gates.ask("x", ["p"], lambda: pytest.fail("its loop has ended")))

    async def second() -> None:
        await sleep(1)
        begun = await gates.acquire("y", ["p"])
        waiting = asyncio.ensure_future(gates.acquire("y", ["p"]))
        await passes()
        for ticket in left:
            gates.release(ticket)
        await passes()
        assert not waiting.done(), "what comes back from before frees nothing"
        gates.release(begun)
        gates.release(await waiting)
        await gates.acquire("y", ["p"])
        assert asyncio.get_running_loop().time() == 60, "the start before counts"

    run(first())
    run(second())


def test_the_configuration_wins() -> None:
    gates = make(concurrency=2)
    assert gates.declare(PoolDefinition("p", 1)) is False
    assert gates.declare(PoolDefinition("q", 2)) is False
    assert gates.declare(PoolDefinition("q", 1)) is True

    async def main() -> None:
        assert [gates.ask("x", ["p"], lambda: None).granted for _ in range(3)] == [True, True, False]
        assert [gates.ask("x", ["q"], lambda: None).granted for _ in range(2)] == [True, False]

    run(main())
    assert Gates(CountingClock()).declare(PoolDefinition("p")) is False
