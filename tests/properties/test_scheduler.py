"""The scheduler against a reference that looks at every step after every event, on random graphs.

The reference knows no countdowns and no queues: it asks the language's sentences of all steps, again and again,
until nothing changes.
"""

from __future__ import annotations

import random

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from ael.compiler import compile_plan
from ael.definition import Join
from ael.plan import Plan
from ael.scheduler import Next, Scope
from ael.types import StepStatus
from tests.build import step, workflow

COMPLETED, FAILED, SKIPPED, CANCELLED = (
    StepStatus.COMPLETED,
    StepStatus.FAILED,
    StepStatus.SKIPPED,
    StepStatus.CANCELLED,
)
FINAL = {COMPLETED, FAILED, SKIPPED, CANCELLED}
OUTCOMES = {
    "completed": (COMPLETED, True),
    "failed": (FAILED, True),
    "skipped by its error policy": (SKIPPED, True),
    "condition false": (SKIPPED, False),
}


@attrs.frozen
class Graph:
    """Who names whom in ``depends_on``, who only reads whom, who joins, and what each step comes to."""

    named: tuple[frozenset[int], ...]
    reads: tuple[frozenset[int], ...]
    joins: tuple[Join | None, ...]
    sequential: bool
    outcomes: tuple[str, ...]

    def waits(self, i: int) -> frozenset[int]:
        before = {i - 1} if self.sequential and i else set()
        return self.named[i] | self.reads[i] | before

    def plan(self) -> Plan:
        steps = (
            step(
                f"s{i}",
                "ok",
                {"reads": [f"{{{{ steps.s{k}.status }}}}" for k in sorted(self.reads[i])]},
                after=" ".join(f"s{k}" for k in sorted(self.named[i], reverse=True)),
                join=self.joins[i],
            )
            for i in range(len(self.named))
        )
        return compile_plan(workflow(*steps, sequential=self.sequential))


def joins(named: int) -> st.SearchStrategy[Join | None]:
    counting = st.builds(Join, st.integers(1, named), st.booleans())
    return st.one_of(st.none(), counting, counting, st.just(Join()))


@st.composite
def graphs(draw: st.DrawFn, *, joining: bool = False) -> Graph:
    """Acyclic by a random order of the steps, which need not be the order of the file."""
    count = draw(st.integers(1, 9))
    sequential = draw(st.booleans()) and draw(st.booleans())
    order = list(range(count)) if sequential else draw(st.permutations(range(count)))
    named: list[frozenset[int]] = [frozenset()] * count
    reads: list[frozenset[int]] = [frozenset()] * count
    for at, i in enumerate(order):
        above = st.frozensets(st.sampled_from(order[:at]), max_size=3) if at else st.just(frozenset())
        named[i], reads[i] = draw(above), draw(above)
    # mostly harmless outcomes, or every execution would end with its second step
    harmless = ("completed", "completed", "skipped by its error policy", "condition false")
    outcome = st.sampled_from(harmless if draw(st.booleans()) else (*harmless, "failed"))
    outcomes = draw(st.lists(outcome, min_size=count, max_size=count))
    joined = tuple(draw(joins(len(each))) if joining and each else None for each in named)
    return Graph(tuple(named), tuple(reads), joined, sequential, tuple(outcomes))


@attrs.define
class Expected:
    """What follows from an event; ``skipped`` has the reasons of which any may be given."""

    start: list[int] = attrs.field(factory=list)
    skipped: dict[int, set[str]] = attrs.field(factory=dict)
    cancel: set[int] = attrs.field(factory=set)


class Reference:
    """docs/language.md, sections 4 and 5, asked of every step after every event."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.count = len(graph.named)
        self.status: dict[int, StepStatus] = {}
        self.when: dict[int, int] = {}  # step → number of the event in which it settled
        self.not_taken: set[int] = set()
        self.completed: list[int] = []
        self.ready: set[int] = set()
        self.running: set[int] = set()
        self.cancelling: set[int] = set()
        self.event = 0
        self.stopped = False

    def begin(self) -> Expected:
        return self._follow(Expected())

    def settle(self, i: int, status: StepStatus, *, taken: bool) -> Expected:
        self.event += 1
        self.running.discard(i)
        self._end(i, status, taken=taken)
        if self.stopped:
            return Expected()
        if status is FAILED:
            return self.stop(f"stopped: s{i}")
        expected = Expected()
        if status is COMPLETED:
            self.completed.append(i)
            self._drop(i, expected)
        return self._follow(expected)

    def stop(self, reason: str) -> Expected:
        if self.stopped:
            return Expected()
        self.stopped = True
        skipped = {k: {reason} for k in range(self.count) if k not in self.status and k not in self.running}
        for k in skipped:
            self._end(k, SKIPPED, taken=True)
        return Expected([], skipped, set(self.running))

    def absorbs(self, i: int) -> bool:
        """A failed contestant counts as skipped while the join can be reached, and after it was."""
        contested = [k for k in range(self.count) if i in self.graph.named[k] and self._needed(k) is not None]
        return bool(contested) and not self.stopped and all(self._can_do_without(k, i) for k in contested)

    def joined(self, k: int) -> list[str]:
        return [f"s{i}" for i in self.completed if i in self.graph.named[k]]

    def _can_do_without(self, k: int, i: int) -> bool:
        left = [j for j in self.graph.named[k] if j != i and j not in self.status]
        return len(self.joined(k)) + len(left) >= (self._needed(k) or 0)

    def _needed(self, k: int) -> int | None:
        join = self.graph.joins[k]
        return None if join is None else join.at_least

    def _end(self, i: int, status: StepStatus, *, taken: bool) -> None:
        self.status[i] = status
        self.when[i] = self.event
        self.ready.discard(i)
        if not taken:
            self.not_taken.add(i)

    def _drop(self, i: int, expected: Expected) -> None:
        """Joins that this completion has just reached cancel the rest, and what then feeds nothing."""
        rest = self._rest_of_joins(i)
        before: set[int] | None = None
        while rest != before:
            before = set(rest)
            rest |= {k for k in range(self.count - 1) if self._feeds_only(k, rest)}  # the block is about the last step
        rest -= self.status.keys()
        expected.cancel = rest & self.running
        self.cancelling |= expected.cancel
        for k in rest - self.running:
            expected.skipped[k] = {"cancelled"}
            self._end(k, SKIPPED, taken=True)

    def _rest_of_joins(self, i: int) -> set[int]:
        """Everybody named by the joins that had just enough when step ``i`` completed."""
        rest = set[int]()
        for k, join in enumerate(self.graph.joins):
            if join is None or not join.cancel_rest or i not in self.graph.named[k] or k in self.status:
                continue
            if len(self.joined(k)) == join.at_least:
                rest |= set(self.graph.named[k])
        return rest

    def _feeds_only(self, k: int, rest: set[int]) -> bool:
        """Whether whoever waits for step ``k`` has settled or is dropped, and somebody is dropped."""
        feeds = {m for m in range(self.count) if k in self.graph.waits(m)}
        return bool(feeds & rest - self.status.keys()) and feeds <= rest | self.status.keys()

    def _follow(self, expected: Expected) -> Expected:
        changed = not self.stopped
        while changed:
            changed = False
            for k in range(self.count):
                if k in self.status or k in self.ready or k in self.running:
                    continue
                fate = self._fate_of_join(k) if self.graph.joins[k] is not None else self._fate(k)
                if fate is None:
                    continue
                changed = True
                if fate:
                    expected.skipped[k] = {f"dependency: s{j}" for j in fate}
                    self._end(k, SKIPPED, taken=False)
                else:
                    self.ready.add(k)
                    expected.start.append(k)
        expected.start.sort()
        return expected

    def _fate(self, k: int) -> set[int] | None:
        """Whose skip it follows; nobody's: it may start; ``None``: it must wait."""
        if any(j not in self.status for j in self.graph.waits(k)):
            return None
        causes = self.graph.named[k] & self.not_taken
        first = min((self.when[j] for j in causes), default=0)
        return {j for j in causes if self.when[j] == first}

    def _fate_of_join(self, k: int) -> set[int] | None:
        """The same of a join; it is skipped because of whoever settled last."""
        named, needed = self.graph.named[k], self._needed(k)
        if any(j not in self.status for j in self.graph.waits(k) - named):
            return None
        if needed is not None and len(self.joined(k)) >= needed:
            return set()
        if any(j not in self.status for j in named):
            return None
        last = max(self.when[j] for j in named)
        return set() if needed is None else {j for j in named if self.when[j] == last}


@attrs.define
class Run:
    """Drives a scope and the reference with the same events, and compares after each."""

    graph: Graph
    rng: random.Random
    scope: Scope = attrs.field(init=False)
    reference: Reference = attrs.field(init=False)
    ready: list[int] = attrs.field(factory=list)
    started: list[int] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.scope = Scope(self.graph.plan())
        self.reference = Reference(self.graph)

    def compare(self, following: Next, expected: Expected) -> None:
        assert list(following.start) == expected.start, "ready together, so in file order"
        assert len(following.skipped) == len(expected.skipped), "nothing is skipped twice"
        for number, reason in following.skipped:
            assert reason in expected.skipped[number]
        assert sorted(following.cancel) == sorted(expected.cancel), "told once"
        self._causes_come_first(following)
        for i, status in enumerate(self.scope.status):
            if i in self.reference.status:
                assert status is self.reference.status[i]
            else:
                assert status is (StepStatus.RUNNING if i in self.reference.running else StepStatus.PENDING)
        assert following.done == self.scope.done == (set(self.scope.status) <= FINAL)
        for k in expected.start:
            if self.graph.joins[k] is not None:
                assert list(self.scope.joined(k)) == self.reference.joined(k)
        self.ready += expected.start

    def _causes_come_first(self, following: Next) -> None:
        """A skip is told after the one it comes from."""
        told: list[str] = []
        here = {f"s{number}" for number, _ in following.skipped}
        for number, reason in following.skipped:
            kind, _, cause = reason.partition(": ")
            assert kind != "dependency" or cause not in here or cause in told
            told.append(f"s{number}")

    def run_one(self) -> None:
        number = self.ready.pop(self.rng.randrange(len(self.ready)))
        may = self.scope.run(number)
        assert may == (number not in self.reference.status)
        if may:
            assert number not in self.started, "nothing starts twice"
            self.started.append(number)
            self.reference.ready.discard(number)
            self.reference.running.add(number)
        assert not self.scope.run(number), "a step that runs or has settled does not start again"

    def settle_one(self, number: int, status: StepStatus, *, taken: bool) -> None:
        if status is FAILED:
            absorbs = self.scope.absorbs(number)
            assert absorbs == self.reference.absorbs(number)
            status = SKIPPED if absorbs else FAILED
        self.compare(self.scope.settle(number, status, taken=taken), self.reference.settle(number, status, taken=taken))

    def stop(self) -> None:
        self.compare(self.scope.stop("cancelled"), self.reference.stop("cancelled"))
        again = self.scope.stop("again")
        assert (list(again.start), list(again.skipped), list(again.cancel)) == ([], [], [])
        assert again.done == self.scope.done

    def step_on(self) -> None:
        """Start a ready step or settle a running one; a stopped one may end in any way."""
        running = sorted(self.reference.running)
        if self.ready and (not running or self.rng.random() < 0.5):
            self.run_one()
            return
        number = self.rng.choice(running)
        if self.reference.stopped or number in self.reference.cancelling:
            self.settle_one(number, self.rng.choice([CANCELLED, COMPLETED, FAILED]), taken=True)
        else:
            status, taken = OUTCOMES[self.graph.outcomes[number]]
            self.settle_one(number, status, taken=taken)


def follow(graph: Graph, seed: int) -> Run:
    """Run a graph to its end."""
    run = Run(graph, random.Random(seed))
    run.compare(run.scope.begin(), run.reference.begin())
    while run.ready or run.reference.running:
        run.step_on()
    assert run.scope.done, "everything settles"
    assert len(set(run.started)) == len(run.started)
    return run


@settings(max_examples=300, deadline=None)
@given(graph=graphs(), seed=st.integers(0, 2**32))
def test_it_decides_what_the_reference_decides(graph: Graph, seed: int) -> None:
    follow(graph, seed)


@settings(max_examples=300, deadline=None)
@given(graph=graphs(joining=True), seed=st.integers(0, 2**32))
def test_it_joins_as_the_reference_does(graph: Graph, seed: int) -> None:
    follow(graph, seed)


@settings(max_examples=200, deadline=None)
@given(
    graph=st.booleans().flatmap(lambda joining: graphs(joining=joining)),
    seed=st.integers(0, 2**32),
    moment=st.integers(0, 25),
)
def test_it_can_be_stopped_at_any_moment(graph: Graph, seed: int, moment: int) -> None:
    run = Run(graph, random.Random(seed))
    if moment:
        run.compare(run.scope.begin(), run.reference.begin())
    for _ in range(moment - 1):
        if run.ready or run.reference.running:
            run.step_on()
    run.stop()
    started = list(run.started)
    if not moment:
        run.compare(run.scope.begin(), Expected())
    while run.ready or run.reference.running:
        run.step_on()
    assert run.started == started, "nothing starts any more"
    assert run.scope.done
    assert all(run.scope.status[i] is SKIPPED for i in range(len(graph.named)) if i not in started)


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_the_order_of_settling_does_not_change_who_is_taken(graph: Graph) -> None:
    """Without a failure, statuses and the skips that travel are a function of the graph alone."""
    if "failed" in graph.outcomes:
        graph = attrs.evolve(graph, outcomes=tuple("completed" if o == "failed" else o for o in graph.outcomes))
    ends = set()
    for seed in range(5):
        run = follow(graph, seed)
        ends.add((tuple(run.scope.status), frozenset(run.started)))
    assert len(ends) == 1
