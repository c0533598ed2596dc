"""The whole engine against a simulation in plain Python of docs/language.md, sections 4, 5 and 7.

The simulation keeps a list of events in time and knows nothing of asyncio. Durations carry small unique
fractions, so that no two things happen at the same instant by chance; an example in which they do is left
out, for what is first of two things at once is nobody's promise. Everything is a multiple of 2⁻²⁴ s, exact in
floats, and virtual time is exact.
"""

from __future__ import annotations

import heapq
import random

import attrs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ael.definition import MISSING, Defaults, OutputDefinition, StepDefinition, WorkflowDefinition
from ael.errors import AELError, ToolError
from ael.ports import ToolCall, ToolSpec
from ael.testing import FakeTools, make_engine, run_virtual
from ael.types import Backoff, ExecutionResult, JsonValue, OnError, RetryConfig, TimeoutConfig
from tests.build import sleep, step, workflow

EPOCH_NS = 1_800_000_000 * 10**9
NEVER = {"TEMPLATE_ERROR", "PARAM_INVALID", "CODE_LIMIT", "INPUT_INVALID"}
UNKNOWN = {"TOOL_LOST", "TOOL_TIMEOUT"}


@attrs.frozen
class Attempt:
    """What the tool does: how long it takes (0: it returns at once) and what it raises, if anything."""

    seconds: float
    code: str | None = None
    retryable: bool | None = None
    retry_after: float | None = None


@attrs.frozen
class Step:
    """One step of the workflow; steps are named by their number."""

    after: frozenset[int]
    reads: tuple[tuple[int, str], ...]
    when: str
    attempts: tuple[Attempt, ...]
    on_error: str | None
    fallback: bool
    retry: RetryConfig | None
    attempt_timeout: float | None
    total_timeout: float | None
    repeatable: bool


@attrs.frozen
class Case:
    steps: tuple[Step, ...]
    sequential: bool
    max_parallel: int | None
    timeout: float | None
    default_retry: RetryConfig | None
    default_on_error: str | None


# -- making cases ----------------------------------------------------------------------------------


def fraction(*address: object) -> float:
    """A multiple of 2⁻²⁴ below 2⁻⁴, fixed for its address."""
    return random.Random(repr(address)).randrange(1, 2**20) * 2.0**-24


CODES = ("TOOL_FAILED", "TOOL_FAILED", "MINE", "TOOL_LOST", "PARAM_INVALID")
RETRIES = st.builds(
    RetryConfig,
    max_attempts=st.integers(1, 3),
    backoff=st.sampled_from(Backoff),
    delay=st.sampled_from([0.5, 1.0, 3.0]),
    multiplier=st.sampled_from([1.5, 2.0]),
    max_delay=st.sampled_from([2.0, 60.0]),
    jitter=st.just("none"),
    on=st.sampled_from([(), (), ("MINE",), ("TOOL_FAILED", "TOOL_LOST", "PARAM_INVALID")]),
    except_=st.sampled_from([(), (), ("MINE",)]),
    on_exhausted=st.sampled_from([OnError.FAIL, OnError.SKIP]),
)


@st.composite
def attempts(draw: st.DrawFn, number: int, *, instant: bool) -> tuple[Attempt, ...]:
    made = []
    for k in range(3):
        whole = draw(st.integers(0, 4))
        seconds = 0.0 if instant and whole == 0 else whole + fraction("call", number, k)
        if draw(st.integers(0, 9)) < 6:
            made.append(Attempt(seconds))
        else:
            made.append(
                Attempt(
                    seconds,
                    draw(st.sampled_from(CODES)),
                    draw(st.sampled_from([None, None, False])),
                    draw(st.sampled_from([None, None, None, 5.0])),
                )
            )
    return tuple(made)


READS = ("output", "output", "default", "status", "code", "defined")
WHENS = ("", "", "", "", "false", "true", "success", "output", "default")


def maybe(strategy: st.SearchStrategy[float], often: int = 3) -> st.SearchStrategy[float | None]:
    return st.one_of(*[st.none()] * often, strategy)


@st.composite
def steps(draw: st.DrawFn, number: int, above: list[int], *, may_stop: bool) -> Step:
    some = st.frozensets(st.sampled_from(above), max_size=2) if above else st.just(frozenset())
    reads = draw(some)
    timeout = st.integers(1, 4).map(lambda whole: whole + fraction("attempt", number))
    total = st.integers(2, 9).map(lambda whole: whole + fraction("total", number))
    # Without a policy of its own or of the defaults, `retry` would mean one with jitter.
    on_error = draw(st.sampled_from([None, "fail", "skip", "skip", "retry"])) if may_stop else "skip"
    return Step(
        after=draw(some),
        reads=tuple((k, draw(st.sampled_from(READS))) for k in sorted(reads)),
        when=draw(st.sampled_from(WHENS if reads else ("", "", "false", "true"))),
        attempts=draw(attempts(number, instant=not may_stop)),
        on_error=on_error,
        fallback=draw(st.booleans()),
        retry=draw(RETRIES if on_error == "retry" else st.none() | RETRIES),
        attempt_timeout=draw(maybe(timeout)),
        total_timeout=draw(maybe(total)),
        repeatable=draw(st.booleans()),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 7))
    sequential = draw(st.integers(0, 5)) == 0
    # Where a failure may stop the execution, nothing takes no time: what had begun would be a matter of taste.
    may_stop = draw(st.booleans())
    default_on_error = draw(st.sampled_from([None, "skip", "retry"]))
    workflow_timeout = maybe(st.integers(1, 15).map(lambda whole: whole + fraction("workflow")), 5)
    order = list(range(count)) if sequential else draw(st.permutations(range(count)))
    made = {i: draw(steps(i, list(order[:at]), may_stop=may_stop)) for at, i in enumerate(order)}
    return Case(
        steps=tuple(made[i] for i in range(count)),
        sequential=sequential,
        max_parallel=draw(st.none() | st.integers(1, 3)),
        timeout=draw(workflow_timeout) if may_stop else None,
        default_retry=draw(RETRIES if default_on_error == "retry" else st.none() | RETRIES),
        default_on_error=default_on_error,
    )


# -- the simulation --------------------------------------------------------------------------------


@attrs.define
class Outcome:
    """What the simulation says of a step."""

    status: str = ""
    reason: str | None = None
    code: str | None = None
    output: JsonValue = None
    usable: bool = False
    attempt: int = 0
    started: float | None = None
    completed: float = 0.0
    taken: bool = True


class TooClose(Exception):
    """Two things at the same instant."""


class Used(Exception):
    """The output of a skipped step was used."""


@attrs.define
class Simulation:
    case: Case
    now: float = 0.0
    outcomes: dict[int, Outcome] = attrs.field(factory=dict)
    events: list[tuple[float, int, str, int, int]] = attrs.field(factory=list)
    count: int = 0
    waiting: list[int] = attrs.field(factory=list)  # ready, not begun
    returning: list[int] = attrs.field(factory=list)  # their wait is over, they want a slot
    holding: set[int] = attrs.field(factory=set)
    backoff: set[int] = attrs.field(factory=set)
    attempt: dict[int, int] = attrs.field(factory=dict)
    started: dict[int, float] = attrs.field(factory=dict)
    ready: set[int] = attrs.field(factory=set)
    stopped: str | None = None
    error: str | None = None
    most: int = 0

    def run(self) -> None:
        if self.case.timeout is not None:
            self.at(self.case.timeout, "workflow", -1)
        self.follow()
        self.pump()
        last = 0.0
        while len(self.outcomes) < len(self.case.steps):
            time, _, kind, number, attempt = heapq.heappop(self.events)
            if not self.is_due(kind, number, attempt):
                continue
            if time > 0 and time - last < 2e-9:
                raise TooClose
            self.now = last = time
            self.happen(kind, number)
            self.pump()

    def at(self, time: float, kind: str, number: int) -> None:
        self.count += 1
        heapq.heappush(self.events, (time, self.count, kind, number, self.attempt.get(number, 0)))

    def is_due(self, kind: str, number: int, attempt: int) -> bool:
        """Whether an event still means something."""
        if kind == "workflow":
            return self.stopped is None
        if number in self.outcomes or (kind != "total" and attempt != self.attempt[number]):
            return False
        return {"total": True, "end": number in self.holding, "back": number in self.backoff}[kind]

    def happen(self, kind: str, number: int) -> None:
        if kind == "workflow":
            self.error = "WORKFLOW_TIMEOUT"
            self.stop("cancelled: workflow timeout")
        elif kind == "total":
            self.fail(number, "STEP_TIMEOUT")
        elif kind == "back":
            self.backoff.discard(number)
            self.returning.append(number)
        else:
            self.end_attempt(number)

    # -- order: section 4

    def waits(self, i: int) -> set[int]:
        step = self.case.steps[i]
        before = {i - 1} if self.case.sequential and i else set()
        return {*step.after, *(k for k, _ in step.reads), *before}

    def follow(self) -> None:
        """Everything that follows now: skips by rule 1, and who is ready, in file order."""
        fresh: list[int] = []
        changed = self.stopped is None
        while changed:
            changed = False
            for k, each in enumerate(self.case.steps):
                if k in self.outcomes or k in self.ready or any(j not in self.outcomes for j in self.waits(k)):
                    continue
                changed = True
                if all(self.outcomes[j].taken for j in each.after):
                    self.ready.add(k)
                    fresh.append(k)
                else:
                    self.skip(k, "dependency", taken=False)
                    changed = self.stopped is None
                    break
        for k in sorted(fresh):
            total = self.case.steps[k].total_timeout
            if total is not None:
                self.at(self.now + total, "total", k)
            self.waiting.append(k)

    def pump(self) -> None:
        """Slots go to those that come back, then to those that were ready first."""
        limit = self.case.max_parallel or 10**9
        while self.stopped is None and len(self.holding) < limit and (self.returning or self.waiting):
            if self.returning:
                number = self.returning.pop(0)
                self.holding.add(number)
                self.begin_attempt(number)
            else:
                number = self.waiting.pop(0)
                self.holding.add(number)
                self.begin(number)
            self.most = max(self.most, len(self.holding))

    # -- one step: section 5

    def begin(self, number: int) -> None:
        step = self.case.steps[number]
        try:
            if not self.condition(step):
                self.skip(number, "condition", taken=False)
                self.follow()
                return
            self.params(step)
        except Used:
            self.skip(number, "dependency", taken=False)
            self.follow()
            return
        self.started[number] = self.now
        self.begin_attempt(number)

    def begin_attempt(self, number: int) -> None:
        self.attempt[number] = self.attempt.get(number, 0) + 1
        step = self.case.steps[number]
        doing = step.attempts[self.attempt[number] - 1]
        if doing.seconds == 0:
            self.end_attempt(number)
        else:
            self.at(self.now + min(doing.seconds, step.attempt_timeout or 1e9), "end", number)

    def end_attempt(self, number: int) -> None:
        step = self.case.steps[number]
        doing = step.attempts[self.attempt[number] - 1]
        slow = doing.seconds > (step.attempt_timeout or 1e9)
        if not slow and doing.code is None:
            self.settle(number, "completed", output=[number, self.attempt[number], self.params(step)], usable=True)
            self.follow()
            return
        code = "TOOL_TIMEOUT" if slow else doing.code
        assert code is not None
        retryable = True if slow else doing.retryable if doing.retryable is not None else code not in NEVER
        delay = self.delay(number, code, retryable=retryable, retry_after=None if slow else doing.retry_after)
        if delay is None:
            self.fail(number, code)
            return
        self.holding.discard(number)
        self.backoff.add(number)
        self.at(self.now + delay, "back", number)

    def policy(self, number: int) -> tuple[RetryConfig | None, str]:
        step = self.case.steps[number]
        on_error = step.on_error or self.case.default_on_error or "fail"
        retry = step.retry or self.case.default_retry
        if on_error == "retry":
            retry = retry or RetryConfig()
            return retry, retry.on_exhausted.value
        return retry, on_error

    def is_retried(self, number: int, code: str, *, retryable: bool) -> bool:
        step = self.case.steps[number]
        retry, _ = self.policy(number)
        assert retry is not None
        if code in NEVER or code in retry.except_:
            return False
        own = step.retry is not None or step.on_error == "retry"
        if code in UNKNOWN and not (own or step.repeatable):
            return False
        return code in retry.on if retry.on else retryable

    def delay(self, number: int, code: str, *, retryable: bool, retry_after: float | None) -> float | None:
        retry, _ = self.policy(number)
        attempt = self.attempt[number]
        if retry is None or attempt >= retry.max_attempts or not self.is_retried(number, code, retryable=retryable):
            return None
        waits = {
            Backoff.EXPONENTIAL: retry.delay * retry.multiplier ** (attempt - 1),
            Backoff.LINEAR: retry.delay * attempt,
            Backoff.FIXED: retry.delay,
        }
        return max(min(waits[retry.backoff], retry.max_delay), retry_after or 0)

    def fail(self, number: int, code: str) -> None:
        _, gives_up = self.policy(number)
        if gives_up == "skip":
            self.skip(number, f"error: {code}", code=code, taken=True)
            self.follow()
            return
        self.settle(number, "failed", code=code)
        self.error = code
        self.stop(f"stopped: s{number}")

    def skip(self, number: int, reason: str, *, taken: bool, code: str | None = None) -> None:
        usable = self.case.steps[number].fallback
        output = {"fallback": number} if usable else None
        self.settle(number, "skipped", reason=reason, code=code, output=output, usable=usable, taken=taken)

    def stop(self, reason: str) -> None:
        self.stopped = reason
        for k in range(len(self.case.steps)):
            if k in self.outcomes:
                continue
            begun = k in self.holding or k in self.backoff or k in self.returning
            self.settle(k, "cancelled" if begun else "skipped", reason=reason)

    def settle(self, number: int, status: str, **fields: JsonValue) -> None:
        for where in (self.holding, self.backoff):
            where.discard(number)
        for queue in (self.returning, self.waiting):
            if number in queue:
                queue.remove(number)
        began = self.attempt.get(number, 0), self.started.get(number)
        self.outcomes[number] = Outcome(status, attempt=began[0], started=began[1], completed=self.now, **fields)

    # -- templates

    def condition(self, step: Step) -> bool:
        if step.when in ("", "true", "false"):
            return step.when != "false"
        first = self.outcomes[step.reads[0][0]]
        if step.when == "success":
            return first.status == "completed"
        if not first.usable:
            if step.when == "output":
                raise Used
            return False
        return True

    def params(self, step: Step) -> dict[str, JsonValue]:
        return {f"r{k}": self.read(self.outcomes[k], how) for k, how in step.reads}

    def read(self, outcome: Outcome, how: str) -> JsonValue:
        if how == "status":
            return outcome.status
        if how == "code":
            return outcome.code or "none"
        if how == "defined":
            return "yes" if outcome.usable else "no"
        if not outcome.usable:
            if how == "output":
                raise Used
            return "default"
        return outcome.output


# -- the engine ------------------------------------------------------------------------------------

TEMPLATES = {
    "output": "{{{{ steps.s{k}.output }}}}",
    "default": "{{{{ steps.s{k}.output | default('default') }}}}",
    "status": "{{{{ steps.s{k}.status }}}}",
    "code": "{{{{ steps.s{k}.error.code | default('none') }}}}",
    "defined": "{{{{ 'yes' if steps.s{k}.output is defined else 'no' }}}}",
}
CONDITIONS = {
    "success": "steps.s{k}.success",
    "output": "steps.s{k}.output",
    "default": "{{{{ steps.s{k}.output | default(0) }}}}",
}


def define(case: Case) -> WorkflowDefinition:
    made = [define_step(i, each) for i, each in enumerate(case.steps)]
    return workflow(
        *made,
        sequential=case.sequential,
        max_parallel=case.max_parallel,
        timeout=case.timeout,
        defaults=Defaults(OnError(case.default_on_error) if case.default_on_error else None, case.default_retry),
        outputs=tuple(OutputDefinition(each.id, f"{{{{ steps.{each.id}.output }}}}") for each in made),
    )


def define_step(number: int, each: Step) -> StepDefinition:
    when = each.when or None
    if each.when in CONDITIONS:
        when = CONDITIONS[each.when].format(k=each.reads[0][0])
    return step(
        f"s{number}",
        f"t{number}",
        {f"r{k}": TEMPLATES[how].format(k=k) for k, how in each.reads},
        after=" ".join(f"s{k}" for k in sorted(each.after)),
        when=when,
        on_error=OnError(each.on_error) if each.on_error else None,
        fallback={"fallback": number} if each.fallback else MISSING,
        retry=each.retry,
        timeout=TimeoutConfig(each.attempt_timeout, each.total_timeout),
    )


@attrs.define
class Tools:
    """What the steps call, and how many of them at once."""

    case: Case
    running: int = 0
    most: int = 0

    async def act(self, call: ToolCall) -> JsonValue:
        number = int(call.name[1:])
        doing = self.case.steps[number].attempts[call.attempt - 1]
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if doing.seconds:
                await sleep(doing.seconds)
        finally:
            self.running -= 1
        if doing.code is not None:
            raise ToolError("no", code=doing.code, retryable=doing.retryable, retry_after=doing.retry_after)
        return [number, call.attempt, dict(call.params)]

    def invoker(self) -> FakeTools:
        async def act(call: ToolCall) -> JsonValue:
            return await self.act(call)

        names = [f"t{i}" for i in range(len(self.case.steps))]
        specs = [ToolSpec(name, idempotent=self.case.steps[i].repeatable) for i, name in enumerate(names)]
        return FakeTools(dict.fromkeys(names, act), specs=specs)


def execute(case: Case) -> tuple[ExecutionResult, Tools]:
    tools = Tools(case)

    async def main() -> ExecutionResult:
        return await make_engine(define(case), tools=tools.invoker()).execute("w")

    return run_virtual(main()), tools


def nanoseconds(seconds: float | None) -> int:
    return 0 if seconds is None else EPOCH_NS + round(seconds * 1e9)


def compare(case: Case, result: ExecutionResult, expected: Simulation) -> None:
    for number, each in expected.outcomes.items():
        actual = result[f"s{number}"]
        assert (actual.step_id, actual.status.value) == (f"s{number}", each.status)
        assert (actual.attempt, actual.started_ns) == (each.attempt, nanoseconds(each.started)), f"start of s{number}"
        assert actual.completed_ns == nanoseconds(each.completed), f"end of s{number}"
        assert actual.output == each.output
        assert (actual.error.code if actual.error else None) == each.code
        reason = actual.skip_reason
        if each.reason == "dependency":
            assert reason is not None
            kind, _, cause = reason.partition(": ")
            assert kind == "dependency"
            assert expected.outcomes[int(cause[1:])].status == "skipped"
        else:
            assert reason == each.reason
        retry, _ = expected.policy(number)
        assert actual.max_attempts == (1 if retry is None else retry.max_attempts)


@settings(max_examples=200, deadline=None)
@given(cases())
def test_the_engine_does_what_the_page_says(case: Case) -> None:
    expected = Simulation(case)
    try:
        expected.run()
    except TooClose:
        assume(False)
    result, tools = execute(case)
    compare(case, result, expected)
    assert tools.running == 0
    assert tools.most <= (case.max_parallel or len(case.steps))
    assert result.completed_ns == nanoseconds(max(each.completed for each in expected.outcomes.values()))
    if expected.error is not None:
        assert isinstance(result.error, AELError)
        assert (result.status, result.error.code, result.outputs) == ("failed", expected.error, {})
        return
    assert (result.status, result.error) == ("completed", None)
    assert result.outputs == {f"s{i}": each.output for i, each in sorted(expected.outcomes.items())}
    assert len(result.warnings) == sum(not each.usable for each in expected.outcomes.values())
