"""Pools against a reference that looks at every waiting ticket after every event, with random events and times.

The reference knows no lines and no heaps: it keeps a list, and asks the module's rules of all of it again and again.
What must hold whatever the rules are (bounds, nobody forgotten, nobody starved) is asserted beside it.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ael.definition import PoolDefinition
from ael.pools import PATIENCE, Pools, Ticket

SECOND = 10**9


@attrs.define(eq=False)
class Wish:
    """A request as the reference sees it."""

    owner: str
    names: frozenset[str]
    number: int
    granted_at: int | None = None


class Reference:
    """The rules of ael.pools, asked of every wish."""

    def __init__(self, pools: Iterable[PoolDefinition]) -> None:
        self.pools = {pool.name: pool for pool in pools}
        self.held: dict[str, list[Wish]] = defaultdict(list)
        self.starts: dict[str, list[int]] = defaultdict(list)
        self.served: dict[str, list[str]] = defaultdict(list)
        self.waiting: list[Wish] = []
        self.reserved: list[Wish] = []
        self.turns: dict[tuple[str, str], tuple[int, int]] = {}
        self.misses: dict[frozenset[str], list[str]] = defaultdict(list)

    def room(self, name: str, now: int) -> int:
        pool = self.pools[name]
        rooms = [10**9]
        if pool.concurrency is not None:
            rooms.append(pool.concurrency - len(self.held[name]))
        if pool.rate is not None:
            limit, seconds = pool.rate
            rooms.append(limit - sum(start > now - seconds * SECOND for start in self.starts[name]))
        return min(rooms)

    def fits(self, wish: Wish, now: int) -> bool:
        ahead = self.reserved[: self.reserved.index(wish)] if wish in self.reserved else self.reserved
        return all(self.room(name, now) > sum(name in other.names for other in ahead) for name in wish.names)

    def request(self, wish: Wish, now: int) -> list[Wish]:
        if all(self.room(name, now) > 0 and not self._awaited(name) for name in wish.names):
            self._grant(wish, now)
            return [wish]
        self.waiting.append(wish)
        for name in wish.names:
            count, owners = len(self.served[name]), self.served[name]
            last = bool(owners) and owners[-1] == wish.owner
            turn = (2 * count, 0) if last else (2 * count - 1, wish.number)
            self.turns.setdefault((name, wish.owner), turn)
        return self.review(min(wish.names), now) if self.fits(wish, now) else []

    def release(self, wish: Wish, now: int, *, started: bool = True) -> list[Wish]:
        for name in wish.names:
            self.held[name].remove(wish)
            if not started and wish.granted_at in self.starts[name]:
                self.starts[name].remove(wish.granted_at)
        return [granted for name in sorted(wish.names) for granted in self.review(name, now)]

    def withdraw(self, wish: Wish, now: int) -> list[Wish]:
        if wish in self.reserved:
            self.reserved.remove(wish)
            return [granted for name in sorted(wish.names) for granted in self.review(name, now)]
        self._leave(wish)
        return []

    def review(self, name: str, now: int) -> list[Wish]:
        granted: list[Wish] = []
        while (wish := self._next(name, now)) is not None:
            if wish in self.reserved:
                self.reserved.remove(wish)
            else:
                self._leave(wish)
                self.misses.pop(wish.names, None)
            self._grant(wish, now)
            granted.append(wish)
        return granted

    def _next(self, name: str, now: int) -> Wish | None:
        if self.room(name, now) <= 0:
            return None
        for wish in self.reserved:
            if name in wish.names and self.fits(wish, now):
                return wish
        inline = sorted((w for w in self.waiting if name in w.names), key=lambda w: self._order(name, w))
        able = [wish for wish in inline if self.fits(wish, now)]
        if not able:
            return None
        tired = self._pass_over(name, inline[: inline.index(able[0])])
        for first in tired:
            del self.misses[first.names]
            self._leave(first)
            self.reserved.append(first)
        return self._next(name, now) if tired else able[0]

    def _pass_over(self, name: str, passed: list[Wish]) -> list[Wish]:
        """The first of each line that has missed its chance too often."""
        firsts = {wish.names: wish for wish in reversed(passed)}
        for names in firsts:
            if self.misses[names][-1:] != [name]:
                self.misses[names].append(name)
        tired = [wish for names, wish in firsts.items() if len(self.misses[names]) >= PATIENCE]
        return sorted(tired, key=lambda wish: self._order(name, wish))

    def _order(self, name: str, wish: Wish) -> tuple[tuple[int, int], int]:
        return self.turns[name, wish.owner], wish.number

    def _awaited(self, name: str) -> bool:
        return any(name in wish.names for wish in (*self.waiting, *self.reserved))

    def _leave(self, wish: Wish) -> None:
        self.waiting.remove(wish)
        if not any(other.names == wish.names for other in self.waiting):
            self.misses.pop(wish.names, None)
        for name in wish.names:
            if not any(name in other.names and other.owner == wish.owner for other in self.waiting):
                del self.turns[name, wish.owner]

    def _grant(self, wish: Wish, now: int) -> None:
        wish.granted_at = now
        for name in wish.names:
            self.held[name].append(wish)
            self.starts[name].append(now)
            self.served[name].append(wish.owner)
            if (name, wish.owner) in self.turns:
                self.turns[name, wish.owner] = (2 * len(self.served[name]), 0)


DEFINITIONS = st.builds(
    lambda concurrency, rate: (concurrency, rate),
    st.none() | st.integers(1, 3),
    st.none() | st.tuples(st.integers(1, 4), st.sampled_from([1.0, 2.0, 5.0])),
)


@attrs.define
class Run:
    """The pools and the reference, driven with the same events and compared after each."""

    definitions: list[PoolDefinition]
    pools: Pools = attrs.field(init=False)
    reference: Reference = attrs.field(init=False)
    now: int = 0
    wishes: dict[Ticket, Wish] = attrs.field(factory=dict)
    granted_order: list[Ticket] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.pools = Pools()
        self.reference = Reference(self.definitions)
        for definition in self.definitions:
            assert not self.pools.declare(definition)

    def compare(self, granted: Iterable[Ticket], expected: list[Wish]) -> None:
        granted = list(granted)
        assert [self.wishes[ticket] for ticket in granted] == expected, "the same, in the same order"
        self.granted_order += granted
        for ticket in self.wishes:
            assert ticket.granted == any(self.wishes[ticket] in held for held in self.reference.held.values())
        self.check_bounds()
        self.check_nobody_forgotten()

    def check_bounds(self) -> None:
        holding = [ticket for ticket in self.wishes if ticket.granted]
        for pool in self.definitions:
            here = [ticket for ticket in holding if pool.name in self.wishes[ticket].names]
            assert pool.concurrency is None or len(here) <= pool.concurrency
            if pool.rate is not None:
                limit, seconds = pool.rate
                starts = self.reference.starts[pool.name]
                assert all(
                    later - first >= seconds * SECOND
                    for first, later in zip(starts, starts[limit:], strict=False)
                ), "never more than n in a window"  # fmt: skip

    def check_nobody_forgotten(self) -> None:
        """Whoever could run runs; if only time is missing, there is a time to wake."""
        due = self.pools.due_ns()
        for wish in (*self.reference.waiting, *self.reference.reserved):
            if due is None or due > self.now:
                assert not self.reference.fits(wish, self.now)
            if self.reference.fits(wish, self.now + 10 * SECOND):
                assert due is not None, "time would let it run"
                assert due <= self.now + 10 * SECOND

    def request(self, owner: str, names: frozenset[str]) -> Ticket:
        ticket, granted = self.pools.request(owner, sorted(names, reverse=True), self.now)
        wish = self.wishes[ticket] = Wish(owner, names, ticket.number)
        self.compare(granted, self.reference.request(wish, self.now))
        return ticket

    def release(self, ticket: Ticket) -> None:
        granted = self.pools.release(ticket, self.now)
        self.compare(granted, self.reference.release(self.wishes.pop(ticket), self.now))

    def withdraw(self, ticket: Ticket) -> None:
        held = ticket.granted
        granted = self.pools.withdraw(ticket, self.now)
        wish = self.wishes.pop(ticket)
        if held:
            self.compare(granted, self.reference.release(wish, self.now, started=False))
        else:
            self.compare(granted, self.reference.withdraw(wish, self.now))
        assert self.pools.withdraw(ticket, self.now) == (), "once is enough"

    def wait(self, ns: int) -> None:
        """Let time pass; the timer may be late."""
        self.now += ns
        due = self.pools.due_ns()
        if due is not None and due <= self.now:
            # which pools are looked at is the pools' own affair: check_nobody_forgotten judges it
            looked_at = [pool.name for pool in self.pools._pools.values() if (pool.due_ns or 10**18) <= self.now]
            granted = self.pools.wake(self.now)
            self.compare(granted, [wish for name in looked_at for wish in self.reference.review(name, self.now)])

    def drain(self) -> None:
        """Let everybody who runs end, one after the other, until nobody waits."""
        for _ in range(1000):
            holding = [ticket for ticket in self.wishes if ticket.granted]
            if not self.wishes:
                return
            if holding:
                self.release(holding[0])
                continue
            due = self.pools.due_ns()
            assert due is not None, "nobody runs, somebody waits, and nothing will happen"
            self.wait(max(0, due - self.now))
        pytest.fail("somebody waits for ever")


@settings(max_examples=200, deadline=None)
@given(bounds=st.lists(DEFINITIONS, min_size=1, max_size=3), seed=st.integers(0, 2**32), length=st.integers(1, 80))
def test_it_grants_what_the_reference_grants(
    bounds: list[tuple[int | None, tuple[int, float] | None]], seed: int, length: int
) -> None:
    rng = random.Random(seed)
    run = Run([PoolDefinition(f"p{i}", *bound) for i, bound in enumerate(bounds)])
    owners = [f"x{i}" for i in range(rng.randint(1, 4))]
    requests = rng.choice([0.45, 0.6])
    for _ in range(length):
        act = rng.random()
        holding = [ticket for ticket in run.wishes if ticket.granted]
        if act < requests:
            names = rng.sample([pool.name for pool in run.definitions], rng.randint(1, len(run.definitions)))
            run.request(rng.choice(owners), frozenset(names))
        elif act < 0.8 and holding:
            run.release(rng.choice(holding))
        elif act < 0.87 and run.wishes:
            run.withdraw(rng.choice(list(run.wishes)))
        elif rng.random() < 0.5:
            run.now += rng.choice([1, SECOND // 2, SECOND])  # the timer is late
        else:
            run.wait(rng.choice([0, SECOND // 2, SECOND]))
    run.drain()
    assert run.pools.due_ns() is None


@attrs.define
class Waits:
    """Who was granted a pool while an owner waited for it."""

    passed: dict[str, list[str]] = attrs.field(factory=dict)

    def see(self, run: Run) -> None:
        for ticket in run.granted_order:
            self.passed.pop(ticket.owner, None)
            for others in self.passed.values():
                others.append(ticket.owner)
        run.granted_order.clear()
        for ticket in run.wishes:
            if not ticket.granted:
                self.passed.setdefault(ticket.owner, [])
        for others in self.passed.values():
            assert len(set(others)) == len(others), "nobody passes twice"


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    concurrency=st.integers(1, 3),
    lateness=st.integers(1, 10),
    seed=st.integers(0, 2**32),
)
def test_while_one_waits_each_other_passes_it_at_most_once(
    counts: list[int], concurrency: int, lateness: int, seed: int
) -> None:
    """Some ask for all they need at once, others late; one asks for the next when the last is over."""
    rng = random.Random(seed)
    run, waits = Run([PoolDefinition("p", concurrency)]), Waits()
    pending = [f"x{i}" for i, count in enumerate(counts) for _ in range(count)]
    rng.shuffle(pending)
    one_by_one = 10
    while pending or one_by_one:
        if pending and rng.randrange(lateness) == 0:
            run.request(pending.pop(), frozenset("p"))
        elif one_by_one and not any(ticket.owner == "one" for ticket in run.wishes):
            one_by_one -= 1
            run.request("one", frozenset("p"))
        elif run.wishes:
            run.release(rng.choice([ticket for ticket in run.wishes if ticket.granted]))
        waits.see(run)
    run.drain()


@pytest.mark.parametrize("sizes", [(1, 1), (2, 3), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_a_request_for_several_is_not_starved_by_requests_for_one(sizes: tuple[int, ...], seed: int) -> None:
    """Every pool is always wanted alone as well, and the pools are never free together by themselves."""
    rng = random.Random(seed)
    run = Run([PoolDefinition(f"p{i}", size) for i, size in enumerate(sizes)])
    names = [pool.name for pool in run.definitions]

    def fill() -> None:
        for name in names:
            while sum(wish.names == {name} for wish in run.reference.waiting) < 3:
                run.request(rng.choice("abc"), frozenset({name}))

    fill()
    patient = run.request("d", frozenset(names))
    for ends in range(1000):
        if patient.granted:
            assert ends <= 30 * len(names)
            return
        run.release(rng.choice([ticket for ticket in run.wishes if ticket.granted]))
        fill()
    pytest.fail("it never ran")
