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
    """Who names whom in ``depends_on``, who only reads whom, and what each step comes to."""

    named: tuple[frozenset[int], ...]
    reads: tuple[frozenset[int], ...]
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
            )
            for i in range(len(self.named))
        )
        return compile_plan(workflow(*steps, sequential=self.sequential))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
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
    return Graph(tuple(named), tuple(reads), sequential, tuple(outcomes))


class Reference:
    """docs/language.md, sections 4 and 5, asked of every step after every event."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.count = len(graph.named)
        self.status: dict[int, StepStatus] = {}
        self.not_taken: dict[int, int] = {}  # step → number of the event in which it settled
        self.ready: set[int] = set()
        self.running: set[int] = set()
        self.event = 0
        self.stopped = False

    def begin(self) -> tuple[list[int], dict[int, set[str]]]:
        return self._follow()

    def settle(self, i: int, status: StepStatus, *, taken: bool) -> tuple[list[int], dict[int, set[str]]]:
        self.event += 1
        self.status[i] = status
        self.running.discard(i)
        if not taken:
            self.not_taken[i] = self.event
        if status is FAILED and not self.stopped:
            return self.stop(f"stopped: s{i}")
        return self._follow()

    def stop(self, reason: str) -> tuple[list[int], dict[int, set[str]]]:
        if self.stopped:
            return [], {}
        self.stopped = True
        skipped = {k: {reason} for k in range(self.count) if k not in self.status and k not in self.running}
        self.status |= dict.fromkeys(skipped, SKIPPED)
        return [], skipped

    def _follow(self) -> tuple[list[int], dict[int, set[str]]]:
        start: list[int] = []
        skipped: dict[int, set[str]] = {}
        changed = not self.stopped
        while changed:
            changed = False
            for k in range(self.count):
                settled = k in self.status or k in self.ready or k in self.running
                if settled or any(j not in self.status for j in self.graph.waits(k)):
                    continue
                changed = True
                causes = [j for j in self.graph.named[k] if j in self.not_taken]
                if causes:
                    first = min(self.not_taken[j] for j in causes)
                    skipped[k] = {f"dependency: s{j}" for j in causes if self.not_taken[j] == first}
                    self.status[k] = SKIPPED
                    self.not_taken[k] = self.event
                else:
                    self.ready.add(k)
                    start.append(k)
        return sorted(start), skipped


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

    def compare(self, following: Next, expected: tuple[list[int], dict[int, set[str]]]) -> None:
        start, skipped = expected
        assert list(following.start) == start, "ready together, so in file order"
        assert len(following.skipped) == len(skipped), "nothing is skipped twice"
        for number, reason in following.skipped:
            assert reason in skipped[number]
        self._causes_come_first(following)
        for i, status in enumerate(self.scope.status):
            if i in self.reference.status:
                assert status is self.reference.status[i]
            else:
                assert status is (StepStatus.RUNNING if i in self.reference.running else StepStatus.PENDING)
        assert following.done == self.scope.done == (set(self.scope.status) <= FINAL)
        self.ready += start

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
        running_before = set(self.reference.running) - {number}
        was_stopped = self.reference.stopped
        expected = self.reference.settle(number, status, taken=taken)
        following = self.scope.settle(number, status, taken=taken)
        self.compare(following, expected)
        if self.reference.stopped and not was_stopped:
            assert set(following.cancel) == running_before
        else:
            assert not following.cancel, "told once"

    def stop(self) -> None:
        was_stopped = self.reference.stopped
        expected = self.reference.stop("cancelled")
        following = self.scope.stop("cancelled")
        self.compare(following, expected)
        assert set(following.cancel) == (set() if was_stopped else self.reference.running), "told once"
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
        if self.reference.stopped:
            self.settle_one(number, self.rng.choice([CANCELLED, COMPLETED, FAILED]), taken=True)
        else:
            status, taken = OUTCOMES[self.graph.outcomes[number]]
            self.settle_one(number, status, taken=taken)


@settings(max_examples=300, deadline=None)
@given(graph=graphs(), seed=st.integers(0, 2**32))
def test_it_decides_what_the_reference_decides(graph: Graph, seed: int) -> None:
    run = Run(graph, random.Random(seed))
    run.compare(run.scope.begin(), run.reference.begin())
    while run.ready or run.reference.running:
        run.step_on()
    assert run.scope.done, "everything settles"
    assert len(set(run.started)) == len(run.started)


@settings(max_examples=200, deadline=None)
@given(graph=graphs(), seed=st.integers(0, 2**32), moment=st.integers(0, 25))
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
        run.compare(run.scope.begin(), ([], {}))
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
        run = Run(graph, random.Random(seed))
        run.compare(run.scope.begin(), run.reference.begin())
        while run.ready or run.reference.running:
            run.step_on()
        ends.add((tuple(run.scope.status), frozenset(run.started)))
    assert len(ends) == 1
