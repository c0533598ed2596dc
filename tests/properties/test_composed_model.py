"""Random nested workflows on the virtual loop against a reference of plain coroutines, and what holds for all.

Statuses, outputs, error codes, attempts and instants are the same by path; an example in which two things happen at
the same instant is left out. That steps start in the very instant in which the reference starts them is that there are
no barriers. Then each workflow runs with a bound on its attempts, and only what must hold for every order is asked.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import attrs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ael.definition import (
    MISSING,
    BlockBody,
    Branch,
    ChooseBody,
    ForEach,
    Join,
    OutputDefinition,
    Repeat,
    StepDefinition,
    ToolBody,
    Undo,
    WorkflowDefinition,
)
from ael.errors import ToolError
from ael.events import (
    Event,
    StepAttemptFailed,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepReady,
    StepSkipped,
    StepStarted,
)
from ael.ports import ToolCall
from ael.settings import Settings
from ael.testing import FakeTools, make_engine
from ael.types import Backoff, ExecutionResult, JsonValue, OnError, RetryConfig, StepResult
from tests.build import sleep
from tests.properties.composed_reference import (
    DELAY,
    Block,
    Case,
    Choose,
    Leaf,
    Loop,
    Outcome,
    Read,
    Reference,
    Rounds,
    Step,
    act,
    seen,
)
from tests.unit.test_cancellation import CountingLoop

EPOCH_NS = 1_800_000_000 * 10**9


# -- making cases ----------------------------------------------------------------------------------


@attrs.define
class Maker:
    """Makes workflows of a limited size; ids are unique, so that they say in a failure which step is meant."""

    rng: random.Random
    left: int = 12
    count: int = 0

    def case(self) -> Case:
        steps = self.block([], 0)
        names = [step.id for step in steps]
        ending = tuple(
            Step(self.name("f"), Leaf((Read(self.rng.choice(names), self.rng.choice(["status", "default"])),)))
            for _ in range(self.rng.choice([0, 0, 1, 2]))
        )
        return Case(steps, ending, self.rng.choice([0.0, 0.1, 0.3]), self.rng.randrange(10**6))

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def block(self, outside: Sequence[str], depth: int) -> tuple[Step, ...]:
        """Steps in an order of their own, which is not that of the file."""
        size = max(1, min(self.left, self.rng.randint(1, 4 if depth else 6)))
        self.left -= size
        steps: list[Step] = []
        for _ in range(size):
            steps.append(self.step([step.id for step in steps], outside, depth))
        self.rng.shuffle(steps)
        return tuple(steps)

    def step(self, above: Sequence[str], outside: Sequence[str], depth: int) -> Step:
        rng, known = self.rng, [*outside, *above, *above]
        after = tuple(rng.sample(above, min(len(above), rng.choice([0, 0, 1, 1, 2, 3]))))
        join = rng.choice([None, None, 0, *range(1, len(after) + 1)]) if after else None
        looped = self.for_each() if self.one_in(4) else None
        return Step(
            self.name("s"),
            self.body(known, depth),
            after,
            join,
            bool(join) and self.one_in(2),
            self.condition(known),
            looped,
            self.rounds() if self.one_in(5) else None,
            rng.choice([1, 1, 2, 3]),
            skips=self.one_in(3),
            fallback=self.one_in(3),
            undo=self.one_in(3),
        )

    def one_in(self, count: int) -> bool:
        return self.rng.randrange(count) == 0

    def body(self, known: Sequence[str], depth: int) -> Leaf | Block | Choose:
        kind = self.rng.choice(["leaf", "leaf", "block", "choose"]) if depth < 3 and self.left > 0 else "leaf"
        if kind == "leaf":
            return Leaf(tuple(self.read(known) for _ in range(self.rng.choice([0, 1, 2])) if known))
        if kind == "block":
            return self.inner(known, depth)
        return Choose(tuple((self.condition(known), self.inner(known, depth)) for _ in range(self.rng.randint(1, 2))))

    def inner(self, known: Sequence[str], depth: int) -> Block:
        steps = self.block(known, depth + 1)
        return Block(steps, self.read([step.id for step in steps]) if self.one_in(3) else None)

    def read(self, known: Sequence[str]) -> Read:
        return Read(self.rng.choice(known), self.rng.choice(["output", "default", "status"]))

    def condition(self, known: Sequence[str]) -> bool | Read:
        kind = self.rng.choice(["true", "true", "true", "false", "read"])
        if kind == "read" and known:
            return Read(self.rng.choice(known), self.rng.choice(["output", "status"]))
        return kind != "false"

    def for_each(self) -> Loop:
        rng = self.rng
        return Loop(rng.randint(0, 3), rng.random() < 0.5, rng.choice([None, 1, 2]), rng.choice([0, 0, 1, 3]))

    def rounds(self) -> Rounds:
        rng = self.rng
        return Rounds(rng.randint(1, 3), rng.choice([None, 1, 2, 9]), rng.choice([0.0, 0.5]), rng.random() < 0.5)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    return Maker(random.Random(draw(st.integers(0, 2**48)))).case()


# -- as a workflow ---------------------------------------------------------------------------------

READS = {
    "output": "{{{{ steps.{0}.output }}}}",
    "default": "{{{{ steps.{0}.output | default('default') }}}}",
    "status": "{{{{ steps.{0}.status }}}}",
}


def template(read: Read) -> str:
    return READS[read.how].format(read.name)


def condition(when: bool | Read) -> str | None:
    if isinstance(when, bool):
        return None if when else "false"
    return f"steps.{when.name}.success" if when.how == "status" else f"steps.{when.name}.output"


def define(case: Case, max_parallel: int | None) -> WorkflowDefinition:
    return WorkflowDefinition(
        "w",
        tuple(map(define_step, case.steps)),
        max_parallel=max_parallel,
        undo_on_failure=True,
        finally_steps=tuple(map(define_step, case.ending)),
        outputs=tuple(OutputDefinition(step.id, f"{{{{ steps.{step.id}.output }}}}") for step in case.steps),
    )


def define_step(step: Step) -> StepDefinition:
    loop, rounds = step.for_each, step.repeat
    return StepDefinition(
        step.id,
        define_body(step.body),
        depends_on=step.after,
        when=condition(step.when),
        join=None if step.join is None else Join(step.join or None, step.cancel_rest),
        for_each=None
        if loop is None
        else ForEach(
            list(range(loop.size)),
            name=f"item_{step.id}",
            key="k{{ index }}" if loop.keyed else None,
            max_parallel=loop.max_parallel,
            tolerate=loop.tolerate,
        ),
        repeat=None
        if rounds is None
        else Repeat(
            rounds.max, rounds.until and f"last.round >= {rounds.until}", rounds.every, rounds.collect
        ),
        retry=RetryConfig(step.attempts, Backoff.FIXED, DELAY, jitter="none"),
        on_error=OnError.SKIP if step.skips else OnError.FAIL,
        fallback={"fallback": step.id} if step.fallback else MISSING,
        undo=Undo(ToolBody("undo")) if step.undo else None,
    )  # fmt: skip


def define_body(body: Leaf | Block | Choose) -> ToolBody | BlockBody | ChooseBody:
    match body:
        case Leaf(reads):
            return ToolBody("act", {"reads": [template(read) for read in reads]})
        case Block(steps, output):
            return BlockBody(tuple(map(define_step, steps)), MISSING if output is None else template(output))
        case Choose(branches):
            return ChooseBody(
                tuple(
                    Branch(
                        tuple(map(define_step, block.steps)),
                        condition(when),
                        MISSING if block.output is None else template(block.output),
                        path=("choose", number),
                    )
                    for number, (when, block) in enumerate(branches)
                )
            )


@attrs.define
class Tools:
    """What the steps call, and how many of them at once."""

    case: Case
    calls: Counter[str] = attrs.field(factory=Counter)
    undone: list[str] = attrs.field(factory=list)
    running: int = 0
    most: int = 0

    async def act(self, call: ToolCall) -> JsonValue:
        key = call.idempotency_key.partition(":")[2]
        self.calls[key] += 1
        count = self.calls[key]
        seconds, code = act(self.case, key, count)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await sleep(seconds)
        finally:
            self.running -= 1
        if code is not None:
            raise ToolError("no", code=code, retryable=code != "FATAL")
        return seen(key, count, call.params["reads"])

    def undo(self, call: ToolCall) -> None:
        self.undone.append(call.path.removesuffix(":undo"))


@attrs.frozen
class Seen:
    result: ExecutionResult
    events: list[Event]
    tools: Tools


def execute(case: Case, max_parallel: int | None = None) -> Seen:
    tools = Tools(case)

    async def act(call: ToolCall) -> JsonValue:
        return await tools.act(call)

    def undo(call: ToolCall) -> None:
        tools.undo(call)

    async def main() -> Seen:
        engine = make_engine(
            define(case, max_parallel),
            tools=FakeTools({"act": act, "undo": undo}),
            settings=Settings(undo_grace=0),
        )
        execution = engine.start("w")
        events = [event async for event in execution.events()]
        result = await execution.result()
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left"
        assert loop.live_timers() == 0, "a timer is left"
        return Seen(result, events, tools)

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        return runner.run(main())


def simulate(case: Case) -> Reference:
    async def main() -> Reference:
        reference = Reference(case)
        await reference.run()
        return reference

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        return runner.run(main())


# -- comparing -------------------------------------------------------------------------------------


def walk(results: Sequence[StepResult], prefix: str = "") -> Iterator[tuple[str, StepResult]]:
    for result in results:
        path = f"{prefix}{result.step_id}"
        yield path, result
        yield from walk(result.steps, f"{path}.")
        for index, item in enumerate(result.items or ()):
            below = f"{path}[{index if item.key is None else item.key}]"
            yield below, item
            yield from walk(item.steps, f"{below}.")


def nanoseconds(seconds: float) -> int:
    return EPOCH_NS + round(seconds * 1e9)


def reason_of(result: StepResult) -> str | None:
    """In the reference's words."""
    if result.skip_reason is None:
        return None
    kind, _, code = result.skip_reason.partition(": ")
    return {"error": code, "stopped": "stopped", "cancelled": "stopped"}.get(kind, kind)


def compare(reference: Reference, result: ExecutionResult) -> None:
    found = dict(walk(list(result)))
    unknown = {path for path, outcome in reference.outcomes.items() if outcome.reason == "dependency"}
    instant = {path for path, each in found.items() if is_of_an_instant(each)}
    ours = {path: reason_of(found[path]) for path in instant if path in reference.outcomes}
    # Skipped for two reasons in the same instant: which of them counts is nobody's promise.
    assume(all(reason == reference.outcomes[path].reason for path, reason in ours.items()))

    def is_open(path: str) -> bool:
        """In what was skipped or stopped in the instant in which it began: how far that came is nobody's promise."""
        return any(path.startswith((f"{owner}.", f"{owner}[")) for owner in unknown | instant)

    expected = {path: outcome for path, outcome in reference.outcomes.items() if not is_open(path)}
    assert {path for path in found if not is_open(path)} == expected.keys()
    for path, outcome in expected.items():
        compare_step(path, found[path], outcome, instant=path in instant)


def is_of_an_instant(result: StepResult) -> bool:
    stopped = reason_of(result) == "stopped"
    return stopped and (not result.started_ns or result.started_ns == result.completed_ns)


def compare_step(path: str, result: StepResult, outcome: Outcome, *, instant: bool) -> None:
    assert result.completed_ns == nanoseconds(outcome.end), path
    if instant and outcome.status in {"cancelled", "skipped"}:
        return  # also for another reason, if two things skip it in the same instant
    assert reason_of(result) == outcome.reason, path
    assert (result.status, result.output, result.attempt) == (outcome.status, outcome.output, outcome.attempt), path
    if outcome.status in {"completed", "failed"}:
        assert result.started_ns == nanoseconds(outcome.start), path
    code = result.error.code if result.error else None
    assert code == outcome.code, path


LETTERS: dict[type[Event], str] = {
    StepReady: "r", StepStarted: "s", StepAttemptFailed: "a", StepCompleted: "c", StepFailed: "f", StepSkipped: "k",
    StepCancelled: "x",
}  # fmt: skip
LEGAL = re.compile(r"((r?(s+a?)*)[cfkx])*")
"""Ready, attempts and rounds that start and may fail, an end; again and again if what is around is tried again."""


def check_events(seen: Seen) -> None:
    letters: defaultdict[str, str] = defaultdict(str)
    for event in seen.events:
        if type(event) in LETTERS and not event.path.endswith(":undo"):
            letters[event.path] += LETTERS[type(event)]
    for path, sequence in letters.items():
        assert LEGAL.fullmatch(sequence), f"{path}: {sequence}"
    ends = {path: sequence[-1] for path, sequence in letters.items()}
    for path, result in walk(list(seen.result)):
        assert ends[path] == {"completed": "c", "failed": "f", "skipped": "k", "cancelled": "x"}[result.status], path


@settings(max_examples=200, deadline=None, derandomize=True)
@given(case=cases())
def test_nested_workflows_do_what_plain_coroutines_do(case: Case) -> None:
    reference = simulate(case)
    assume(not reference.too_close)
    seen = execute(case)
    compare(reference, seen.result)
    check_events(seen)
    assert seen.tools.undone == reference.log
    error = seen.result.error
    assert (seen.result.status, error.code if error else None) == (
        "failed" if reference.code else "completed",
        reference.code,
    )
    if not reference.code:
        assert seen.result.outputs == {step.id: reference.outcomes[step.id].output for step in case.steps}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(case=cases(), most=st.integers(1, 3))
def test_a_bound_on_attempts_is_never_exceeded_and_changes_nothing_where_order_counts_for_nothing(
    case: Case, most: int
) -> None:
    seen = execute(case, most)
    assert seen.tools.most <= most
    assert seen.tools.running == 0
    check_events(seen)
    reference = simulate(case)
    outcomes = reference.outcomes.values()
    if any(each.status in {"failed", "cancelled"} or each.reason == "stopped" for each in outcomes) or joins(
        case.steps
    ):
        return  # who comes first decides
    found = {path: (str(each.status), each.output) for path, each in walk(list(seen.result))}
    assert found == {path: (each.status, each.output) for path, each in reference.outcomes.items() if path in found}


def joins(steps: Sequence[Step]) -> bool:
    """Whether anything in it is a race."""
    for step in steps:
        blocks = [step.body] if isinstance(step.body, Block) else []
        blocks += [block for _, block in step.body.branches] if isinstance(step.body, Choose) else []
        if step.join or any(joins(block.steps) for block in blocks):
            return True
    return False
