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
5. A *join* counts, of the steps in ``depends_on``, those that completed (``any``, ``at_least``) or that settled
   (``settled``); it is ready when it is *reached* and every other step it reads has settled. Skips do not
   travel to it. Out of reach, it is skipped once all of them have settled. A step that contests a join and
   fails counts as skipped unless its failure puts a join out of reach (:meth:`Scope.absorbs`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import attrs

from ael.plan import Plan, PlanJoin
from ael.types import StepStatus

__all__ = ["Next", "Scope"]

_PENDING = StepStatus.PENDING
_RUNNING = StepStatus.RUNNING
_COMPLETED = StepStatus.COMPLETED
_FAILED = StepStatus.FAILED
_SKIPPED = StepStatus.SKIPPED
_FINAL = frozenset({StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELLED})


class _Arrivals:
    """How far a join is: who has completed, in order, and how many have not settled."""

    __slots__ = ("completed", "open", "reached")

    def __init__(self, named: int) -> None:
        self.completed: list[int] = []
        self.open = named
        self.reached = False


@attrs.define
class Next:
    """What follows.

    Attributes:
        start: Steps that are ready, in file order.
        skipped: Steps that are skipped now, with the reason, in the order in which that follows.
        cancel: Running steps to cancel; steps of a scope that goes on are cancelled by a join.
        done: Whether the scope has nothing left to do.
    """

    start: Sequence[int] = ()
    skipped: Sequence[tuple[int, str]] = ()
    cancel: Sequence[int] = ()
    done: bool = False


@attrs.define
class _Following:
    """What follows, while it is found out."""

    start: list[int] = attrs.field(factory=list)
    skipped: list[tuple[int, str]] = attrs.field(factory=list)
    cancel: list[int] = attrs.field(factory=list)


_NO_JOINS: dict[int, _Arrivals] = {}


class Scope:
    """One run of one plan.

    Attributes:
        status: Per step.
        stopped: Why no step starts any more, as a skip reason; ``None`` while it is open.
    """

    __slots__ = ("_arrivals", "_blocked", "_left", "_unsettled", "_usual", "plan", "status", "stopped")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.status = [_PENDING] * len(plan.steps)
        self.stopped: str | None = None
        self._left = list(plan.countdown)
        self._unsettled = len(plan.steps)
        self._blocked: dict[int, str] = {}
        self._arrivals = {k: _Arrivals(len(join.named)) for k, join in plan.joins.items()} if plan.joins else _NO_JOINS
        self._usual = not plan.joins  # nothing skipped, nothing stopped, and no joins

    def __repr__(self) -> str:
        return f"<Scope {self.plan.id!r}, {self._unsettled} of {len(self.status)} unsettled>"

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
        if not self._usual:
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
        if taken and not self._blocked and not self._arrivals:
            return Next(self._count_down(number), (), (), self._unsettled == 0)
        return self._spread(number, taken=taken)

    def absorbs(self, number: int) -> bool:
        """Whether the failure of this step counts as a skip: it contests joins, and puts none out of reach."""
        joins = self.plan.contests.get(number)
        if joins is None or self.stopped is not None:
            return False
        return all(self._is_within_reach(k) for k in joins)

    def _is_within_reach(self, join: int) -> bool:
        """Whether a join can do without one more of those that have not settled."""
        arrivals, needed = self._arrivals[join], self.plan.joins[join].at_least
        assert needed is not None, "joins that wait for all to settle are not contested"
        return arrivals.reached or len(arrivals.completed) + arrivals.open - 1 >= needed

    def joined(self, join: int) -> tuple[str, ...]:
        """The ids that a join has counted as completed so far, in order."""
        return tuple(self.plan.steps[k].id for k in self._arrivals[join].completed)

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
        following = _Following()
        settled = deque([(number, taken)])
        while settled:
            at, was_taken = settled.popleft()
            if not was_taken:
                self._usual = False
                for k in self.plan.skip_dependents[at]:
                    self._blocked.setdefault(k, f"dependency: {self.plan.steps[at].id}")
            for k in self._count_down_joins(at, settled, following) if self._arrivals else self._count_down(at):
                if self.status[k] is not _PENDING:
                    continue  # a join has cancelled it
                reason = self._blocked.get(k)
                if reason is None:
                    following.start.append(k)
                else:
                    following.skipped.append(self._skip(k, reason))
                    settled.append((k, False))
        return Next(sorted(following.start), following.skipped, following.cancel, self._unsettled == 0)

    def _count_down_joins(self, number: int, settled: deque[tuple[int, bool]], following: _Following) -> Sequence[int]:
        """:meth:`_count_down` where some of the dependents may be joins; one that is reached may cancel the rest."""
        ready, reached = [], []
        for k in self.plan.dependents[number]:
            join = self.plan.joins.get(k)
            if join is None or number not in join.named:
                self._left[k] -= 1
            elif self._arrive(k, number, join):
                self._left[k] -= 1
                if join.cancel_rest and self._arrivals[k].reached and self.status[k] is _PENDING:
                    reached.append(join)
            else:
                continue
            if not self._left[k]:
                ready.append(k)
        if reached:
            settled.extend((k, True) for k in self._drop_rest(reached, following))
        return ready

    def _arrive(self, k: int, number: int, join: PlanJoin) -> bool:
        """A step that the join names has settled; whether that decides the join."""
        arrivals = self._arrivals[k]
        arrivals.open -= 1
        if self.status[number] is _COMPLETED:
            arrivals.completed.append(number)
        if arrivals.reached:
            return False
        if join.at_least is None:
            arrivals.reached = arrivals.open == 0
            return arrivals.reached
        arrivals.reached = len(arrivals.completed) >= join.at_least
        if not arrivals.reached and arrivals.open == 0:
            self._blocked[k] = f"dependency: {self.plan.steps[number].id}"
            return True
        return arrivals.reached

    def _drop_rest(self, joins: Sequence[PlanJoin], following: _Following) -> Sequence[int]:
        """Cancel what the joins name and has not settled, and then whatever feeds nothing else.

        Returns:
            Those that had not started and so are skipped now, before anything else follows.
        """
        rest = {k for join in joins for k in join.named if self.status[k] not in _FINAL}
        unseen = list(rest)
        while unseen:
            for k in self.plan.waits[unseen.pop()]:
                if self.status[k] not in _FINAL and k not in rest and self._feeds_only(k, rest):
                    rest.add(k)
                    unseen.append(k)
        following.cancel += sorted(k for k in rest if self.status[k] is _RUNNING)
        dropped = sorted(k for k in rest if self.status[k] is _PENDING)
        following.skipped += [self._skip(k, "cancelled") for k in dropped]
        return dropped

    def _feeds_only(self, number: int, rest: set[int]) -> bool:
        if number in self.plan.kept:
            return False
        return all(k in rest or self.status[k] in _FINAL for k in self.plan.dependents[number])

    def _stop(self, reason: str) -> Next:
        self.stopped = reason
        self._usual = False
        pending = [k for k, status in enumerate(self.status) if status is _PENDING]
        running = [k for k, status in enumerate(self.status) if status is _RUNNING]
        skipped = [self._skip(k, reason) for k in pending]
        return Next((), skipped, running, self._unsettled == 0)

    def _skip(self, number: int, reason: str) -> tuple[int, str]:
        self.status[number] = _SKIPPED
        self._unsettled -= 1
        return number, reason
