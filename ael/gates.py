"""Where attempts wait for room in pools: futures, callbacks and one timer around the decisions of :mod:`ael.pools`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from ael.definition import PoolDefinition
from ael.pools import Pools, Ticket
from ael.ports import Clock, TimerHandle

__all__ = ["Gates"]

_SHORTEST_NS = 1_000
"""Loops count seconds in floats: a timer shorter than this may fire without time having passed."""


class Gates:
    """The pools of one engine. Used on one loop at a time; on another, all begin anew but for past starts.

    Args:
        clock: Whose time rates are counted in.
        limits: Bounds that win over those of workflow files, by the pool's name.
    """

    def __init__(self, clock: Clock, limits: Mapping[str, PoolDefinition] | None = None) -> None:
        self._clock = clock
        self._pools = Pools()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._untold: dict[Ticket, Callable[[], None]] = {}
        self._timer: TimerHandle | None = None
        self._timer_ns: int | None = None
        for pool in (limits or {}).values():
            self._pools.declare(pool, wins=True)

    def declare(self, pool: PoolDefinition) -> bool:
        """Take the bounds that a workflow file gives a pool.

        Returns:
            Whether another file has said otherwise, and the stricter of each bound counts now.
        """
        return self._pools.declare(pool)

    def ask(self, owner: str, names: Iterable[str], granted: Callable[[], None]) -> Ticket:
        """Ask for a unit of each of the pools, without waiting.

        Args:
            owner: The execution; executions take turns.
            granted: Called once all have room, in a pass of the loop after this one, in the order of the grants;
                never after the ticket was released.
        """
        ticket, all_granted = self._request(owner, names)
        self._untold[ticket] = granted
        self._tell(all_granted)
        return ticket

    async def acquire(self, owner: str, names: Iterable[str]) -> Ticket:
        """Wait for a unit of each of the pools; a checkpoint only if there is no room now.

        Cancelled at any moment, it leaves nothing behind.
        """
        ticket, turn = self.enter(owner, names)
        if turn is not None:
            try:
                await turn
            except BaseException:
                self.withdraw(ticket)
                raise
        return ticket

    def enter(self, owner: str, names: Iterable[str]) -> tuple[Ticket, asyncio.Future[None] | None]:
        """Ask for a unit of each of the pools: ``None`` if they have room now, else what is to be awaited for it.

        Whoever stops waiting withdraws the ticket.
        """
        ticket, all_granted = self._request(owner, names)
        turn = None
        if not ticket.granted:
            turn = asyncio.get_running_loop().create_future()
            self._untold[ticket] = partial(_open, turn)
        self._tell(all_granted)
        return ticket, turn

    def release(self, ticket: Ticket) -> None:
        """The work is over, or will not begin. Idempotent."""
        if not ticket.granted or ticket in self._untold:
            self.withdraw(ticket)
        else:
            self._tell(self._pools.release(ticket, self._clock.monotonic_ns()))

    def withdraw(self, ticket: Ticket) -> None:
        """The work will not begin, so that it is no start for a rate. Idempotent."""
        self._untold.pop(ticket, None)
        self._tell(self._pools.withdraw(ticket, self._clock.monotonic_ns()))

    def close(self) -> None:
        """Stop the timer; who waits for a rate waits on, until somebody asks."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timer_ns = None

    def _request(self, owner: str, names: Iterable[str]) -> tuple[Ticket, Sequence[Ticket]]:
        loop = asyncio.get_running_loop()
        now_ns = self._clock.monotonic_ns()
        if loop is not self._loop:  # whoever holds or waits belongs to a loop that has ended
            self.close()
            self._loop = loop
            self._untold.clear()
            self._pools.renew(now_ns)
        return self._pools.request(owner, names, now_ns)

    def _tell(self, granted: Sequence[Ticket]) -> None:
        assert self._loop is not None, "somebody has asked"
        for ticket in granted:
            if ticket in self._untold:
                self._loop.call_soon(self._call, ticket)
        self._set_timer()

    def _call(self, ticket: Ticket) -> None:
        granted = self._untold.pop(ticket, None)
        if granted is not None:
            granted()

    def _set_timer(self) -> None:
        due_ns = self._pools.due_ns()
        if due_ns == self._timer_ns:
            return
        self.close()
        if due_ns is not None:
            wait_ns = max(due_ns - self._clock.monotonic_ns(), _SHORTEST_NS)
            self._timer = self._clock.call_later(wait_ns / 1e9, self._ring)
            self._timer_ns = due_ns

    def _ring(self) -> None:
        self._timer = self._timer_ns = None
        self._tell(self._pools.wake(self._clock.monotonic_ns()))


def _open(turn: asyncio.Future[None]) -> None:
    if not turn.done():  # else it was cancelled just before
        turn.set_result(None)
