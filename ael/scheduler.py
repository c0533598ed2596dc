"""The decision core: which steps follow from what happened. Synchronous; no clock, no I/O, no tasks.

Theory of operation
-------------------
A *scope* is one run of one plan. Each of its steps is counted down as those it waits for settle, and is
*ready* at zero: no levels, no rounds, no scan over the steps. The driver is told what follows as a
:class:`Next` and carries it out; whatever it does meanwhile, the scope changes only inside a call, so
no cancellation can tear it.

Statuses move as ``pending → running → completed | failed | skipped | cancelled`` and ``pending →
skipped``; nothing leaves a final status.

1. A step that *was not taken* (condition false, or skipped by these rules) skips those that name it in
   ``depends_on``; a step skipped by its error policy skips nobody.
2. A skip settles when everything the step waits for has settled, and may skip others in turn.
3. A failure stops the scope: what runs is to be cancelled, what has not started is skipped, nothing starts.
4. The scope is done when nothing is pending or running.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import attrs

from ael.plan import Plan
from ael.types import StepStatus

__all__ = ["Next", "Scope"]

_PENDING = StepStatus.PENDING
_RUNNING = StepStatus.RUNNING
_COMPLETED = StepStatus.COMPLETED
_FAILED = StepStatus.FAILED
_SKIPPED = StepStatus.SKIPPED
_FINAL = frozenset({StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELLED})


@attrs.define
class Next:
    """What follows.

    Attributes:
        start: Steps that are ready, in file order.
        skipped: Steps that are skipped now, with the reason, in the order in which that follows.
        cancel: Running steps to cancel.
        done: Whether the scope has nothing left to do.
    """

    start: Sequence[int] = ()
    skipped: Sequence[tuple[int, str]] = ()
    cancel: Sequence[int] = ()
    done: bool = False


class Scope:
    """One run of one plan.

    Attributes:
        path: The scope's address in the execution; ``""`` for the top level.
        up, owner: The scope around it and the step there that it is the body of; ``None`` at the top.
        status: Per step.
        stopped: Why no step starts any more, as a skip reason; ``None`` while it is open.
    """

    __slots__ = ("_blocked", "_left", "_unsettled", "owner", "path", "plan", "status", "stopped", "up")

    def __init__(self, plan: Plan, path: str = "", up: Scope | None = None, owner: int | None = None) -> None:
        self.plan = plan
        self.path = path
        self.up = up
        self.owner = owner
        self.status = [_PENDING] * len(plan.steps)
        self.stopped: str | None = None
        self._left = list(plan.countdown)
        self._unsettled = len(plan.steps)
        self._blocked: dict[int, str] = {}

    def __repr__(self) -> str:
        return f"<Scope {self.path or self.plan.id!r}, {self._unsettled} of {len(self.status)} unsettled>"

    @property
    def done(self) -> bool:
        """Whether every step has a final status."""
        return self._unsettled == 0

    def begin(self) -> Next:
        """The steps that wait for nothing; none if the scope was stopped before it began."""
        return Next(self.plan.roots if self.stopped is None else (), done=self._unsettled == 0)

    def run(self, number: int) -> bool:
        """Mark a ready step as running; false if the scope was stopped meanwhile and it must not start."""
        if self.status[number] is not _PENDING:
            return False
        self.status[number] = _RUNNING
        return True

    def complete(self, number: int) -> Sequence[int] | None:
        """:meth:`settle` for the usual case, a completed step in a scope where nothing was skipped or stopped.

        Returns:
            The steps that are ready now, in file order; ``None`` if the case is not usual and nothing was done.
        """
        if self.stopped is not None or self._blocked:
            return None
        assert self.status[number] not in _FINAL, f"step {number} has settled before"
        self.status[number] = _COMPLETED
        self._unsettled -= 1
        return self._count_down(number)

    def settle(self, number: int, status: StepStatus, *, taken: bool = True) -> Next:
        """A step has reached its final status.

        Args:
            taken: False for a skip that travels on: a false condition, or a dependency not taken.
        """
        assert self.status[number] not in _FINAL, f"step {number} has settled before"
        assert status in _FINAL, f"{status} is not final"
        self.status[number] = status
        self._unsettled -= 1
        if self.stopped is not None:
            return Next(done=self._unsettled == 0)
        if status is _FAILED:
            return self._stop(f"stopped: {self.plan.steps[number].id}")
        if taken and not self._blocked:
            return Next(self._count_down(number), (), (), self._unsettled == 0)
        return self._spread(number, taken=taken)

    def stop(self, reason: str) -> Next:
        """Start nothing more: what runs is to be cancelled, the rest is skipped for ``reason``. Idempotent."""
        return self._stop(reason) if self.stopped is None else Next(done=self._unsettled == 0)

    def _count_down(self, number: int) -> Sequence[int]:
        """The usual case, nobody was skipped so far: the steps that are ready now, in file order."""
        left = self._left
        ready = []
        for k in self.plan.dependents[number]:
            left[k] -= 1
            if not left[k]:
                ready.append(k)
        return ready

    def _spread(self, number: int, *, taken: bool) -> Next:
        """Count down, and let skips travel along written order; iterative, however long the chain."""
        start: list[int] = []
        skipped: list[tuple[int, str]] = []
        settled = deque([(number, taken)])
        while settled:
            at, was_taken = settled.popleft()
            if not was_taken:
                for k in self.plan.skip_dependents[at]:
                    self._blocked.setdefault(k, f"dependency: {self.plan.steps[at].id}")
            for k in self._count_down(at):
                reason = self._blocked.get(k)
                if reason is None:
                    start.append(k)
                else:
                    skipped.append(self._skip(k, reason))
                    settled.append((k, False))
        start.sort()
        return Next(start, skipped, done=self._unsettled == 0)

    def _stop(self, reason: str) -> Next:
        self.stopped = reason
        pending = [k for k, status in enumerate(self.status) if status is _PENDING]
        running = [k for k, status in enumerate(self.status) if status is _RUNNING]
        skipped = [self._skip(k, reason) for k in pending]
        return Next((), skipped, running, self._unsettled == 0)

    def _skip(self, number: int, reason: str) -> tuple[int, str]:
        self.status[number] = _SKIPPED
        self._unsettled -= 1
        return number, reason
