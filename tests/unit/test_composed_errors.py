"""``on_error`` lists, retries, timeouts and stops of blocks and loops: docs/language.md, section 5."""

from __future__ import annotations

import pytest

from ael import parse_workflow
from ael.events import StepAttemptFailed
from ael.launch import NoSecrets
from ael.ports import Secrets, ToolCall, ToolOutcome
from ael.testing import FakeTools, make_engine, run_virtual
from ael.types import ExecutionResult, JsonValue
from tests.composed import described, run
from tests.conformance.tools import Script

FAILS = "tool: fail\n    params: {code: RATE, retry_after: 5}"
RULES = {
    "the first that matches": (
        "[{match: [OTHER], do: fail}, {match: [RATE, BOOM], do: skip, fallback: first}, {do: skip, fallback: second}]",
        ("skipped error: RATE", 1, "first"),
    ),
    "one without codes matches all": ("[{match: [OTHER], do: fail}, {do: skip}]", ("skipped error: RATE", 1, None)),
    "none matches": ("[{match: [OTHER], do: skip}]", ("failed RATE", 1, None)),
    "the fallback of the step, where the rule has none": (
        "[{match: [RATE], do: skip}]\n    fallback: the step's",
        ("skipped error: RATE", 1, "the step's"),
    ),
    "the retry of the rule": (
        "[{match: [RATE], do: retry, retry: {max_attempts: 4, on_exhausted: skip}, fallback: spent}]",
        ("skipped error: RATE", 4, "spent"),
    ),
    "retry without a bound of its own": ("[{match: [RATE], do: retry}]", ("failed RATE", 3, None)),
    "the retry of the step": (
        "[{match: [RATE], do: retry}, {do: skip}]\n    retry: 2",
        ("failed RATE", 2, None),
    ),
    "the retry of the step comes before a skip, too": (
        "[{match: [RATE], do: skip}]\n    retry: 2",
        ("skipped error: RATE", 2, None),
    ),
}


@pytest.mark.parametrize("body", [FAILS, "steps: [{id: in, tool: fail, params: {code: RATE}}]"], ids=["tool", "block"])
@pytest.mark.parametrize("rules", RULES)
def test_of_the_rules_for_errors_the_first_that_matches_counts(rules: str, body: str) -> None:
    text, expected = RULES[rules]
    ran = run(f"steps:\n  - id: a\n    on_error: {text}\n    {body}\n")
    step = ran.result["a"]
    assert (described(step), step.attempt, step.output) == expected
    assert [attempt.error.code for attempt in step.attempts] == ["RATE"] * step.attempt
    assert [path for path in ran.told(StepAttemptFailed) if path == "a"] == ["a"] * step.attempt


def test_attempts_are_counted_by_the_rule_of_each_failure() -> None:
    """The second failure is another's, whose rule allows no further attempt."""
    ran = run("""
steps:
  - id: a
    on_error: [{match: [RATE], do: retry, retry: 5}, {match: [BOOM], do: skip}]
    tool: fail
    params: {code: "{{ 'RATE' if step.attempt < 3 else 'BOOM' }}"}
""")
    assert described(ran.result["a"]) == "skipped error: BOOM"
    assert [each.error.code for each in ran.result["a"].attempts] == ["RATE", "RATE", "BOOM"]


RETRY = "retry: {max_attempts: 2, delay: 1s, jitter: none}"
WAITS = {
    "at a tool": f"{{id: a, {RETRY}, tool: fail, params: {{retry_after: 7}}}}",
    "at a block": f"{{id: a, {RETRY}, steps: [{{id: in, tool: fail, params: {{retry_after: 7}}}}]}}",
    "at a loop's tool": f"{{id: a, {RETRY}, for_each: [1], tool: fail, params: {{retry_after: 7}}}}",
    "at a loop's block": f"{{id: a, {RETRY}, for_each: [1], "
    "steps: [{id: in, tool: fail, params: {retry_after: 7}}]}",
    "by a rule": "{id: a, on_error: [{match: [BOOM], do: retry, retry: {max_attempts: 2, delay: 1s}}], tool: fail, "
    "params: {retry_after: 7}}",
}


@pytest.mark.parametrize("where", WAITS)
def test_a_longer_delay_that_the_error_names_wins(where: str) -> None:
    ran = run(f"steps: [{WAITS[where]}]")
    assert (ran.result.status, ran.seconds) == ("failed", 7)


def test_a_retry_of_a_block_runs_all_its_steps_again() -> None:
    ran = run("""
steps:
  - id: block
    retry: {max_attempts: 3, delay: 1s, jitter: none}
    for_each: [x, y]
    steps:
      - {id: first, tool: echo, params: {value: "{{ item }} {{ step.attempt }}"}}
      - {id: second, retry: {max_attempts: 2, delay: 0}, tool: flaky, params: {failures: 3}, depends_on: first}
""")
    assert sorted(ran.calls("flaky")) == ["block[0].second"] * 4 + ["block[1].second"] * 4
    assert set(ran.keys("echo")) == {"block[0].first", "block[1].first"}, "the same in every attempt"
    item = ran.result["block[0]"]
    assert (item.attempt, item.max_attempts, [each.number for each in item.attempts]) == (2, 3, [1])
    assert (item.steps[0].output, item.steps[1].attempt) == ("x 1", 2), "each attempt counts its steps anew"
    assert ran.seconds == 1


KEYS = {
    "items and rounds": (
        "for_each: [a, b]\n    repeat: {max: 2}\n    tool: echo",
        ["x[0]#1", "x[1]#1", "x[0]#2", "x[1]#2"],
    ),
    "keys": ("for_each: {in: [a, b], key: '{{ item }}'}\n    tool: echo", ["x[a]", "x[b]"]),
    "rounds in rounds": (
        "repeat: {max: 2}\n    steps: [{id: in, repeat: {max: 2}, tool: echo}]",
        ["x.in#1#1", "x.in#1#2", "x.in#2#1", "x.in#2#2"],
    ),
    "attempts": ("retry: {max_attempts: 2, delay: 0}\n    tool: flaky\n    params: {failures: 1}", ["x", "x"]),
    "an undo": ("tool: record\n    params: {value: 1}\n    undo: {tool: echo}", ["x:undo"]),
    "an undo of an item": (
        "for_each: [1]\n    tool: record\n    params: {value: 1}\n    undo: {tool: echo}",
        ["x[0]:undo"],
    ),
}


@pytest.mark.parametrize("what", KEYS)
def test_idempotency_keys_tell_items_and_rounds_apart_and_not_attempts(what: str) -> None:
    body, keys = KEYS[what]
    ran = run(f"on_failure: undo\nsteps:\n  - id: x\n    {body}\n  - {{id: end, depends_on: x, tool: fail}}\n")
    assert ran.keys("flaky") + ran.keys("echo") == keys


TIMEOUTS = {
    "an attempt of a block": (
        "timeout: 2\n    steps: [{id: in, tool: sleep, params: {seconds: 9}}]",
        ("failed STEP_TIMEOUT", 2, 5.0),
    ),
    "an attempt of a loop's block": (
        "timeout: 2\n    for_each: [1]\n    steps: [{id: in, tool: sleep, params: {seconds: 9}}]",
        ("failed ITEMS_FAILED", 1, 5.0),
    ),
    "an attempt of a workflow": ("timeout: 2\n    workflow: sleeps", ("failed STEP_TIMEOUT", 2, 5.0)),
    "all of a block": (
        "timeout: {total: 2}\n    steps: [{id: in, tool: sleep, params: {seconds: 9}}]",
        ("failed STEP_TIMEOUT", 1, 2.0),
    ),
    "all of a block, between two attempts": (
        "timeout: {total: 2s, attempt: 1500ms}\n    steps: [{id: in, tool: sleep, params: {seconds: 9}}]",
        ("failed STEP_TIMEOUT", 1, 2.0),
    ),
    "all of a loop": (
        "timeout: {total: 2}\n    for_each: [1, 2]\n    tool: sleep\n    params: {seconds: 9}",
        ("failed STEP_TIMEOUT", 1, 2.0),
    ),
    "all of rounds": (
        "timeout: {total: 2}\n    repeat: {max: 9, every: 900ms}\n    tool: sleep\n    params: {seconds: 0}",
        ("failed STEP_TIMEOUT", 1, 2.0),
    ),
    "an attempt in a loop": (
        "timeout: 2\n    for_each: [1]\n    tool: sleep\n    params: {seconds: 9}",
        ("failed ITEMS_FAILED", 1, 5.0),
    ),
}


@pytest.mark.parametrize("what", TIMEOUTS)
def test_attempts_are_timed_one_by_one_and_the_step_as_a_whole(what: str) -> None:
    body, (expected, attempt, seconds) = TIMEOUTS[what]
    ran = run(
        f"steps:\n  - id: x\n    retry: {{max_attempts: 2, delay: 1s, jitter: none}}\n    {body}\n",
        "name: sleeps\nsteps: [{id: in, tool: sleep, params: {seconds: 9}}]\n",
    )
    step = ran.result["x"]
    assert (described(step), step.attempt, ran.seconds) == (expected, attempt, seconds)


def test_a_failure_stops_its_own_scope_and_what_is_around_decides_the_rest() -> None:
    ran = run("""
steps:
  - id: block
    on_error: skip
    steps:
      - {id: long, tool: sleep, params: {seconds: 9, name: long}}
      - {id: inner, steps: [{id: longer, tool: sleep, params: {seconds: 9, name: longer}}]}
      - {id: fails, tool: fail, params: {after: 1}}
      - {id: next, depends_on: fails, tool: echo}
  - {id: beside, tool: sleep, params: {seconds: 2}}
""")
    assert ran.all("block", "block.long", "block.inner", "block.inner.longer", "block.next", "beside") == {
        "block": "skipped error: BOOM",
        "block.long": "cancelled stopped: fails",
        "block.inner": "cancelled stopped: fails",
        "block.inner.longer": "cancelled stopped: fails",
        "block.next": "skipped stopped: fails",
        "beside": "completed",
    }
    assert (sorted(ran.log), ran.seconds) == (["cancelled long", "cancelled longer"], 2)


def test_of_two_failures_the_first_in_time_is_the_scopes() -> None:
    ran = run("""
steps:
  - {id: second, tool: fail, params: {code: SECOND, after: 2}}
  - {id: first, steps: [{id: in, tool: fail, params: {code: FIRST, after: 1}}]}
""")
    assert ran.result.error is not None
    assert ran.result.error.code == "FIRST"


JUDGED = """
  - {id: fast, tool: echo}
  - {id: judge, depends_on: [fast, slow], join: {at_least: 1, cancel_rest: true}, tool: echo}
"""
TWICE = {
    "by a join, and then by a failure": (
        f"{JUDGED}  - {{id: fails, depends_on: judge, tool: fail, params: {{after: 0.5}}}}",
        "failed",
        "cancelled cancelled",
    ),
    "by a join, and then by its timeout": (JUDGED, "completed", "cancelled cancelled"),
    "by its timeout, and then by a failure": (
        "\n  - {id: fails, tool: fail, params: {after: 2}}",
        "failed",
        "failed STEP_TIMEOUT",
    ),
}


@pytest.mark.parametrize("what", TWICE)
def test_the_first_reason_to_stop_a_step_counts_and_the_second_does_not_interrupt_its_cleanup(what: str) -> None:
    rest, status, expected = TWICE[what]
    ran = run(f"steps:\n  - {{id: slow, tool: tidy, params: {{seconds: 3}}, timeout: {{total: 1}}}}{rest}")
    assert (ran.result.status, ran.log) == (status, ["tidied"])
    assert described(ran.result["slow"]) == expected


def test_a_block_that_is_stopped_tells_its_last_attempt() -> None:
    """One second is no more than its second attempt needs to begin."""
    ran = run("""
steps:
  - id: block
    retry: {max_attempts: 5, delay: 1s, jitter: none}
    timeout: {total: 1500ms}
    steps: [{id: in, tool: flaky, params: {failures: 1, value: 1}}, {id: long, tool: sleep, depends_on: in,
      params: {seconds: 9}}]
""")
    step = ran.result["block"]
    assert (described(step), step.attempt, [each.number for each in step.attempts]) == ("failed STEP_TIMEOUT", 2, [1])


BETWEEN = {
    "attempts of a block": ("retry: {max_attempts: 3, delay: 9s}, steps: [{id: in, tool: fail}]", 1, ["in"]),
    "rounds of a block": ("repeat: {max: 3, every: 9s}, steps: [{id: in, tool: echo}]", 1, ["in"]),
    "rounds of a tool": (
        "repeat: {max: 3, every: 9s}, retry: {max_attempts: 2, delay: 0}, tool: flaky, params: {failures: 1}",
        2,
        [],
    ),
}


@pytest.mark.parametrize("what", BETWEEN)
def test_what_is_stopped_while_it_waits_tells_what_it_did_last(what: str) -> None:
    body, attempt, steps = BETWEEN[what]
    ran = run(f"steps: [{{id: x, {body}}}]", cancel_after=5)
    step = ran.result["x"]
    assert (described(step), step.attempt, [each.step_id for each in step.steps]) == (
        "cancelled cancelled",
        attempt,
        steps,
    )
    assert ran.seconds == 5


class BrokenSecrets(NoSecrets):
    """A provider that is down."""

    def get(self, name: str) -> str | None:
        raise ConnectionError("the vault is down")


SECRETS = {
    "a condition": "when: secrets.X, tool: echo",
    "params": "tool: echo, params: {value: '{{ secrets.X }}'}",
    "a key": "for_each: {in: [1], key: '{{ secrets.X }}'}, tool: echo",
    "a branch": "choose: [{when: secrets.X, steps: [{id: in, tool: echo}]}]",
    "an output": "output: '{{ secrets.X }}', steps: [{id: in, tool: echo}]",
    "until": "repeat: {max: 2, until: secrets.X}, tool: echo",
    "a fallback": "when: 'false', fallback: '{{ secrets.X }}', tool: echo",
    "the fallback of a block": "on_error: skip, fallback: '{{ secrets.X }}', steps: [{id: in, tool: fail}]",
    "the fallback of a step that is not reached": "depends_on: never, fallback: '{{ secrets.X }}', tool: echo",
}


class Broken(dict[str, JsonValue]):
    """No data, although an invoker has given it away as such."""

    def __contains__(self, key: object) -> bool:
        raise RuntimeError("a bug")

    __getitem__ = get = __contains__  # type: ignore[assignment]


class BrokenTools(FakeTools):
    """An invoker that breaks its contract."""

    async def call(self, call: ToolCall) -> ToolOutcome:
        return ToolOutcome(Broken(x=1)) if call.path == "first" else await super().call(call)


async def _run_broken(text: str, tools: FakeTools, *, secrets: Secrets | None = None) -> ExecutionResult:
    steps = (
        f"[{{id: first, tool: echo}}, {{id: never, depends_on: first, when: 'false', tool: echo}}, {{id: x, {text}}}]"
    )
    async with make_engine(parse_workflow(f"name: w\nsteps: {steps}"), tools=tools, secrets=secrets) as engine:
        return await engine.execute("w")


@pytest.mark.parametrize("where", SECRETS)
def test_a_provider_of_secrets_that_breaks_is_the_steps_failure(where: str) -> None:
    error = run_virtual(_run_broken(SECRETS[where], Script().tools, secrets=BrokenSecrets())).error
    assert error is not None
    assert error.code == "TEMPLATE_ERROR"
    assert "secret 'X' cannot be read: ConnectionError: the vault is down" in error.message


@pytest.mark.parametrize("where", SECRETS)
def test_what_breaks_the_engine_fails_the_step_and_leaves_nobody_waiting(where: str) -> None:
    text = SECRETS[where].replace("secrets.X", "steps.first.output.x")
    tools = BrokenTools({"echo": lambda params: params.get("value"), "fail": lambda params: 1 / 0})
    error = run_virtual(_run_broken(text, tools)).error
    assert error is not None
    assert (error.code, error.step_id) == ("INTERNAL_ERROR", "x")
    assert "RuntimeError: a bug" in error.message
