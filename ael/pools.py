"""Named limits that the executions of an engine share: who may start, and who is next. Synchronous; no clock, no tasks.

Theory of operation
-------------------
A *ticket* asks for a unit of each of several pools and is granted when all have room at once: nobody holds one pool
while it waits for another. Tickets that need the same pools stand in one *line*, a queue per owner (an execution).
Whether a line can move is a question of its pools alone, so that what follows from a release is found by asking the
few lines that need the pool, never the thousands of tickets in them.

1. A pool with room takes, among the owners whose line can move, the one that had its turn there longest ago, and of
   its tickets the oldest. An owner that comes to wait stands behind all that wait but the one served last: each
   other owner passes it at most once, and those that ask for one unit at a time have their turn as well.
2. Nothing that could run waits: a line whose other pool is full is passed over. It may miss its chance at one pool
   because the other is full, and at the other because the first is, and so for ever: after ``PATIENCE`` changes of
   this kind its first ticket is *reserved* a unit of each of its pools, and nobody after it takes these.
   Reservations have one order everywhere, so that no two wait for each other.
3. A rate of n lets the next start when the n-th last is as old as the window is long. It is counted at the grant.
4. All operations return the tickets granted by them, in order. Time alone grants nothing before :meth:`Pools.wake`,
   to be called at :meth:`Pools.due_ns`.

Times are nanoseconds of a clock that never goes back.
"""

from __future__ import annotations

import heapq
import sys
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import count
from typing import TypeAlias

import attrs

from ael.definition import PoolDefinition

__all__ = ["PATIENCE", "Pools", "Ticket", "TicketState"]

PATIENCE = 4
"""How often in turn a line misses its chance at one pool, then at another, before it is reserved room."""

_Turn: TypeAlias = tuple[int, int]  # lowest first; (number of the grant, 0), or just before it (… - 1, ticket)


class TicketState(Enum):
    """``waiting → granted → done``, or ``waiting → done``."""

    WAITING = "waiting"
    GRANTED = "granted"
    DONE = "done"


@attrs.define(eq=False)
class Ticket:
    """One request.

    Attributes:
        owner: The execution that asks.
        number: Tickets are numbered in the order of their requests.
        since_ns: When it was granted.
        pools: What it needs and is limited.
    """

    owner: str
    number: int
    state: TicketState = TicketState.WAITING
    since_ns: int = 0
    pools: tuple[_Pool, ...] = attrs.field(default=(), repr=False)

    @property
    def granted(self) -> bool:
        """Whether the work may start, or has started and not been released."""
        return self.state is TicketState.GRANTED


class Pools:
    """All pools of one engine; a name that nobody has declared is a pool without a limit."""

    def __init__(self) -> None:
        self._pools: dict[str, _Pool] = {}
        self._numbers = count()

    def declare(self, definition: PoolDefinition, *, wins: bool = False) -> bool:
        """Set the bounds of a pool. Of two that differ, the stricter of each bound counts.

        Two rates of which neither is stricter, such as ``60/m`` and ``2/s``, both count.

        Args:
            wins: These are the bounds, whatever others said or will say.

        Returns:
            Whether this differs from what was said before, and neither of them wins.
        """
        pool = self._pools.get(definition.name)
        if pool is None:
            pool = self._pools[definition.name] = _Pool(definition.name)
            pool.bind(definition)
            pool.fixed = wins
            return False
        if wins:
            pool.bind(definition, afresh=True)
            pool.fixed = True
            pool.due_ns = 0  # there may be more room than before: wake soon
            return False
        return not pool.fixed and pool.bind(definition)

    def request(self, owner: str, names: Iterable[str], now_ns: int) -> tuple[Ticket, Sequence[Ticket]]:
        """Ask for a unit of each of the pools; a name counts once.

        Returns:
            The ticket, granted or not, and all that were granted by this: itself, or others before it that a rate
            has let go on meanwhile, or both.
        """
        known = (self._pools.get(name) for name in sorted(set(names)))
        pools = tuple(pool for pool in known if pool is not None)
        ticket = Ticket(owner, next(self._numbers), pools=pools)
        if all(not pool.awaited and pool.room(now_ns) > 0 for pool in pools):
            _grant(ticket, now_ns)
            return ticket, (ticket,)
        line = pools[0].lines.get(pools) or _Line(pools)
        line.join(ticket)
        for pool in pools:
            pool.reckon(now_ns)
        return ticket, _review(pools[0], now_ns) if line.can_move(now_ns) else ()

    def release(self, ticket: Ticket, now_ns: int) -> Sequence[Ticket]:
        """The work is over; its starts count for the rates."""
        assert ticket.granted, f"{ticket} holds nothing"
        return _give_back(ticket, now_ns)

    def withdraw(self, ticket: Ticket, now_ns: int) -> Sequence[Ticket]:
        """The work will not start, whether the ticket waits or was granted just now. Idempotent."""
        pools = ticket.pools
        if ticket.granted:
            for pool in pools:
                pool.forget_start(ticket.since_ns)
            return _give_back(ticket, now_ns)
        if ticket.state is TicketState.DONE:
            return ()
        ticket.state = TicketState.DONE
        if any(ticket in pool.reserved for pool in pools):
            _unreserve(ticket)
            return _review_all(pools, now_ns)
        line = pools[0].lines.get(pools)
        if line is not None:  # else it is from before a renewal
            line.remove(ticket)
        for pool in pools:
            pool.reckon(now_ns)
        return ()

    def due_ns(self) -> int | None:
        """When :meth:`wake` is to be called next; may be past. ``None``: time alone changes nothing."""
        return min((pool.due_ns for pool in self._pools.values() if pool.due_ns is not None), default=None)

    def wake(self, now_ns: int) -> Sequence[Ticket]:
        """Grant what a rate lets start by now."""
        due = [pool for pool in self._pools.values() if pool.due_ns is not None and pool.due_ns <= now_ns]
        return _review_all(due, now_ns)

    def renew(self, now_ns: int) -> None:
        """Forget everybody who holds or waits, keeping bounds and past starts; their tickets count for nothing.

        The clock may be another: starts that it has still to come to are dropped.
        """
        for name, pool in self._pools.items():
            self._pools[name] = pool.renewed(now_ns)
            pool.clear()


class _Window:
    """At most so many starts in any window of one length; a start that old is out of it."""

    __slots__ = ("length_ns", "limit", "starts")

    def __init__(self, limit: int, length_ns: int, starts: Iterable[int] = ()) -> None:
        self.limit = limit
        self.length_ns = length_ns
        self.starts = deque(starts)

    @property
    def bound(self) -> tuple[int, int]:
        return self.limit, self.length_ns

    def room(self, now_ns: int) -> int:
        oldest = now_ns - self.length_ns
        while self.starts and self.starts[0] <= oldest:
            self.starts.popleft()
        return self.limit - len(self.starts)

    def implies(self, other: _Window) -> bool:
        return self.limit <= other.limit and self.length_ns >= other.length_ns


class _Pool:
    """One pool.

    Attributes:
        fixed: Whether its bounds are somebody's whose word wins.
        lines: Those in which somebody waits, by what they need.
        reserved: Tickets that left their line and come first, in order.
        turns: When owners that stand in a line had their turn.
        grants: Twice the number of grants so far; between two there is room for newcomers.
        due_ns: When a rate may let somebody go on.
    """

    __slots__ = (
        "concurrency", "due_ns", "fixed", "grants", "held", "last_owner",
        "lines", "name", "reserved", "turns", "windows",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.concurrency = sys.maxsize
        self.windows: tuple[_Window, ...] = ()
        self.fixed = False
        self.held = 0
        self.lines: dict[tuple[_Pool, ...], _Line] = {}
        self.reserved: list[Ticket] = []
        self.turns: dict[str, _Turn] = {}
        self.grants = 0
        self.last_owner: str | None = None
        self.due_ns: int | None = None

    @property
    def awaited(self) -> bool:
        return bool(self.lines or self.reserved)

    def room(self, now_ns: int) -> int:
        room = self.concurrency - self.held
        for window in self.windows:
            room = min(room, window.room(now_ns))
        return room

    def bind(self, definition: PoolDefinition, *, afresh: bool = False) -> bool:
        """Make each bound at least as strict, or afresh just as strict; whether the bounds were not the very same."""
        limit = sys.maxsize if definition.concurrency is None else definition.concurrency
        rate = definition.rate
        said = () if rate is None else (_Window(rate[0], max(1, round(rate[1] * 1e9))),)
        differs = limit != self.concurrency or [w.bound for w in said] != [w.bound for w in self.windows]
        past = max((each.starts for each in self.windows), key=len, default=())
        if afresh:
            self.concurrency, self.windows = sys.maxsize, ()
        self.concurrency = min(limit, self.concurrency)
        for window in said:
            if not any(each.implies(window) for each in self.windows):
                window.starts.extend(past)
                self.windows = (*(each for each in self.windows if not window.implies(each)), window)
        return differs

    def start(self, owner: str, now_ns: int) -> None:
        self.held += 1
        self.grants += 2
        self.last_owner = owner
        if owner in self.turns:
            self.turns[owner] = (self.grants, 0)
        for window in self.windows:
            window.starts.append(now_ns)

    def forget_start(self, at_ns: int) -> None:
        for window in self.windows:
            if at_ns in window.starts:
                window.starts.remove(at_ns)

    def place(self, ticket: Ticket) -> None:
        """Give an owner that comes to wait its turn: before the one served last, behind all others."""
        if ticket.owner not in self.turns:
            newcomer = ticket.owner != self.last_owner
            self.turns[ticket.owner] = (self.grants - 1, ticket.number) if newcomer else (self.grants, 0)

    def leave(self, owner: str) -> None:
        """The owner has left a line; it keeps its turn while it stands in another."""
        if not any(owner in line.queues for line in self.lines.values()):
            del self.turns[owner]

    def reckon(self, now_ns: int) -> None:
        """Set when to look at it again. What is overdue stays so until it is looked at."""
        if not self.awaited:
            self.due_ns = None
        elif self.due_ns is None or self.due_ns > now_ns:
            scarce = [w for w in self.windows if w.starts and w.limit - len(w.starts) <= len(self.reserved)]
            self.due_ns = max((window.starts[0] + window.length_ns for window in scarce), default=None)

    def renewed(self, now_ns: int) -> _Pool:
        fresh = _Pool(self.name)
        fresh.concurrency, fresh.fixed = self.concurrency, self.fixed
        fresh.windows = tuple(
            _Window(window.limit, window.length_ns, (start for start in window.starts if start <= now_ns))
            for window in self.windows
        )
        return fresh

    def clear(self) -> None:
        self.windows = ()
        self.lines.clear()
        self.reserved.clear()


class _Line:
    """The tickets that need the same pools.

    Attributes:
        queues: Owner → its tickets, oldest first.
        misses: How often the pool where it was passed over changed, since it last moved.
    """

    __slots__ = ("_missed_at", "_orders", "misses", "pools", "queues")

    def __init__(self, pools: tuple[_Pool, ...]) -> None:
        self.pools = pools
        self.queues: dict[str, OrderedDict[int, Ticket]] = {}
        self.misses = 0
        self._missed_at: _Pool | None = None
        self._orders = {pool: _Order(pool, self.queues) for pool in pools}

    def can_move(self, now_ns: int) -> bool:
        return all(pool.room(now_ns) > len(pool.reserved) for pool in self.pools)

    def first(self, pool: _Pool) -> tuple[_Turn, int, Ticket]:
        """The turn of whoever is next in the pool's eyes, and its oldest ticket."""
        turn, owner = self._orders[pool].first()
        number, ticket = next(iter(self.queues[owner].items()))
        return turn, number, ticket

    def join(self, ticket: Ticket) -> None:
        owner = ticket.owner
        queue = self.queues.get(owner)
        if queue is None:
            queue = self.queues[owner] = OrderedDict()
            for pool in self.pools:
                pool.lines[self.pools] = self
                pool.place(ticket)
                self._orders[pool].add(owner)
        queue[ticket.number] = ticket

    def remove(self, ticket: Ticket) -> None:
        queue = self.queues[ticket.owner]
        del queue[ticket.number]
        if queue:
            return
        del self.queues[ticket.owner]
        for pool in self.pools:
            if not self.queues:
                del pool.lines[self.pools]
            pool.leave(ticket.owner)

    def moved(self) -> None:
        self.misses, self._missed_at = 0, None

    def miss(self, pool: _Pool) -> bool:
        """It was passed over at a pool; whether that is enough."""
        if self._missed_at is not pool:
            self._missed_at = pool
            self.misses += 1
        return self.misses >= PATIENCE


class _Order:
    """The owners in a line, by a pool's turns: a heap whose entries are put right when they come up.

    That is enough because turns only grow.
    """

    __slots__ = ("_heap", "_inside", "_pool", "_queues")

    def __init__(self, pool: _Pool, queues: dict[str, OrderedDict[int, Ticket]]) -> None:
        self._pool = pool
        self._queues = queues
        self._heap: list[tuple[_Turn, str]] = []
        self._inside: set[str] = set()

    def add(self, owner: str) -> None:
        if len(self._heap) > 2 * len(self._queues) + 8:  # mostly owners that left, in an order nobody asked for
            self._heap = [(self._pool.turns[each], each) for each in self._queues]
            heapq.heapify(self._heap)
            self._inside = set(self._queues)
        elif owner not in self._inside:
            self._inside.add(owner)
            heapq.heappush(self._heap, (self._pool.turns[owner], owner))

    def first(self) -> tuple[_Turn, str]:
        while True:
            turn, owner = self._heap[0]
            if owner not in self._queues:
                heapq.heappop(self._heap)
                self._inside.discard(owner)
            elif self._pool.turns[owner] != turn:
                heapq.heapreplace(self._heap, (self._pool.turns[owner], owner))
            else:
                return turn, owner


# What happens to tickets. Each of these leaves nobody waiting who could run, in the pools that it reviews.


def _review_all(pools: Iterable[_Pool], now_ns: int) -> Sequence[Ticket]:
    granted: list[Ticket] = []
    for pool in pools:
        granted += _review(pool, now_ns)
    return granted


def _review(pool: _Pool, now_ns: int) -> Sequence[Ticket]:
    """Grant all that can run and need this pool."""
    granted: list[Ticket] = []
    pool.due_ns = None
    while pool.awaited and (ticket := _next(pool, now_ns)) is not None:
        if ticket in pool.reserved:
            _unreserve(ticket)
        else:
            line = pool.lines[ticket.pools]
            line.moved()
            line.remove(ticket)
        _grant(ticket, now_ns)
        granted.append(ticket)
    pool.reckon(now_ns)
    return granted


def _next(pool: _Pool, now_ns: int) -> Ticket | None:
    """Whose turn it is at a pool; counts what is passed over, and reserves room for what was too often."""
    if pool.room(now_ns) <= 0:
        return None
    for ticket in pool.reserved:
        if all(each.room(now_ns) > each.reserved.index(ticket) for each in ticket.pools):
            return ticket
    firsts = sorted((*line.first(pool), line) for line in pool.lines.values())
    passed: list[tuple[_Line, Ticket]] = []
    for *_, ticket, line in firsts:
        if not line.can_move(now_ns):
            passed.append((line, ticket))
            continue
        tired = [missing for missing in passed if missing[0].miss(pool)]
        if not tired:
            return ticket
        for missing, first in tired:
            _reserve(missing, first, now_ns)
        return _next(pool, now_ns)
    return None


def _grant(ticket: Ticket, now_ns: int) -> None:
    ticket.state = TicketState.GRANTED
    ticket.since_ns = now_ns
    for pool in ticket.pools:
        pool.start(ticket.owner, now_ns)
        pool.reckon(now_ns)


def _give_back(ticket: Ticket, now_ns: int) -> Sequence[Ticket]:
    ticket.state = TicketState.DONE
    for pool in ticket.pools:
        pool.held -= 1
    return _review_all((pool for pool in ticket.pools if pool.awaited), now_ns)


def _reserve(line: _Line, ticket: Ticket, now_ns: int) -> None:
    """Let a ticket leave its line for the front of all its pools, behind those that are there."""
    line.moved()
    line.remove(ticket)
    for pool in ticket.pools:
        pool.reserved.append(ticket)
        pool.reckon(now_ns)


def _unreserve(ticket: Ticket) -> None:
    for pool in ticket.pools:
        pool.reserved.remove(ticket)
