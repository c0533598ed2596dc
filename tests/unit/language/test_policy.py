"""Checks of policy: retries, time, secrets, requests without bound; and near misses of each."""

from __future__ import annotations

import pytest

from ael.dataflow import analyse
from ael.definition import CodeBody, InputDefinition, StepDefinition, ToolBody, WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.language import check_definition, parse
from ael.ports import ToolMiss, ToolSpec
from ael.types import JsonValue

TOOLS = {
    "read": ToolSpec("read", read_only=True),
    "delete": ToolSpec("delete", destructive=True),
    "replace": ToolSpec("replace", destructive=True, idempotent=True),
    "unsaid": ToolSpec("unsaid"),
    "http.request": ToolSpec("http.request"),
    "files.get": ToolSpec("get", server="files"),
}
HEAD = "name: w\ninputs: {list: {type: array}, few: {type: array, maxItems: 5}}\n"


class Catalog:
    """The tools above."""

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        return TOOLS.get(name, ToolMiss("unlisted"))

    def specs(self) -> list[ToolSpec]:
        return list(TOOLS.values())


def problems(text: str) -> list[Diagnostic]:
    definition, found = parse(text)
    assert definition is not None
    assert [each for each in found if each.is_error] == []
    return check_definition(definition, analyse(definition), catalog=Catalog())


def workflow(*steps: str, head: str = "") -> str:
    return HEAD + head + "steps:\n" + "".join(f"  - {{{step}}}\n" for step in steps)


def codes(*steps: str, head: str = "") -> list[str]:
    return [each.code for each in problems(workflow(*steps, head=head))]


RETRIED = {
    "a number": ("id: a, tool: delete, retry: 3", ""),
    "settings": ("id: a, tool: delete, retry: {max_attempts: 2}", ""),
    "some codes": ("id: a, tool: delete, retry: {on: [TOOL_TIMEOUT, TOOL_UNAVAILABLE]}", ""),
    "by default": ("id: a, tool: delete", "defaults: {retry: 2}\n"),
    "on_error": ("id: a, tool: delete, on_error: retry", ""),
    "on_error by default": ("id: a, tool: delete", "defaults: {on_error: retry}\n"),
    "a rule": ("id: a, tool: delete, on_error: [{match: X, do: retry}]", ""),
    "in a block": ("id: b, steps: [{id: a, tool: delete, retry: 2}]", ""),
}


@pytest.mark.parametrize(("step", "head"), RETRIED.values(), ids=RETRIED)
def test_retries_of_what_destroys(step: str, head: str) -> None:
    assert codes(step, head=head) == ["AEL501"]


NOT_RETRIED = {
    "no retry": ("id: a, tool: delete", ""),
    "one attempt": ("id: a, tool: delete, retry: 1", "defaults: {retry: 5}\n"),
    "only what cannot have happened": ("id: a, tool: delete, retry: {on: [TOOL_UNAVAILABLE]}", ""),
    "read-only": ("id: a, tool: read, retry: 3", ""),
    "idempotent": ("id: a, tool: replace, retry: 3", ""),
    "nothing is said": ("id: a, tool: unsaid, retry: 3", ""),
    "nothing is known": ("id: a, tool: elsewhere, retry: 3", ""),
    "a rule that fails": ("id: a, tool: delete, on_error: [{do: fail}]", ""),
    "code": ("id: a, code: return 1, retry: 3", ""),
}


@pytest.mark.parametrize(("step", "head"), NOT_RETRIED.values(), ids=NOT_RETRIED)
def test_retries_that_are_fine(step: str, head: str) -> None:
    assert codes(step, head=head) == []


def test_without_a_catalog_no_retry_is_unwise() -> None:
    definition, _ = parse(workflow("id: a, tool: delete, retry: 3"))
    assert definition is not None
    assert check_definition(definition, analyse(definition)) == []


TIMEOUTS = {
    "total below attempt": (
        "{attempt: 10s, total: 5s}",
        "`timeout.attempt` (10s) never counts, since `timeout.total` is 5s",
    ),
    "attempt below idle": (
        "{attempt: 10s, idle: 1m}",
        "`timeout.idle` (1m) never counts, since `timeout.attempt` is 10s",
    ),
    "total below idle": (
        "{total: 500ms, idle: 1m}",
        "`timeout.idle` (1m) never counts, since `timeout.total` is 500ms",
    ),
}


@pytest.mark.parametrize(("timeout", "message"), TIMEOUTS.values(), ids=TIMEOUTS)
def test_timeouts_that_contradict_each_other(timeout: str, message: str) -> None:
    (problem,) = problems(workflow(f"id: a, tool: read, timeout: {timeout}"))
    assert (problem.code, problem.message) == ("AEL503", f"step 'a': {message}")


@pytest.mark.parametrize("timeout", ["10s", "{attempt: 5s, total: 5s}", "{attempt: 5s, total: 10s, idle: 1s}", "none"])
def test_timeouts_that_do_not(timeout: str) -> None:
    assert codes(f"id: a, tool: read, timeout: {timeout}") == []


UNBOUNDED = {
    "the step itself": "id: a, for_each: inputs.list, tool: http.request",
    "long form": "id: a, for_each: {in: inputs.list, as: url}, tool: http.request",
    "in a block": "id: a, for_each: inputs.list, steps: [{id: b, tool: http.request}]",
    "in a branch": "id: a, for_each: inputs.list, choose: [{steps: [{id: b, tool: http.request}]}]",
    "bounded inside only": (
        "id: a, for_each: inputs.list, steps: "
        "[{id: b, for_each: {in: item, as: x, max_parallel: 2}, tool: http.request}]"
    ),
}


@pytest.mark.parametrize("step", UNBOUNDED.values(), ids=UNBOUNDED)
def test_requests_without_bound(step: str) -> None:
    assert codes(step) == ["AEL505"]


POOL = "limits: {api: {concurrency: 4}}\n"
BOUNDED = {
    "max_parallel": ("id: a, for_each: {in: inputs.list, max_parallel: 4}, tool: http.request", ""),
    "a pool": ("id: a, for_each: inputs.list, limits: api, tool: http.request", POOL),
    "a pool inside": ("id: a, for_each: inputs.list, steps: [{id: b, limits: api, tool: http.request}]", POOL),
    "max_parallel of the workflow": ("id: a, for_each: inputs.list, tool: http.request", "max_parallel: 8\n"),
    "a list as written": ("id: a, for_each: [1, 2, 3], tool: http.request", ""),
    "a constant list": ("id: a, for_each: 'range(3)', tool: http.request", ""),
    "an input with a bound": ("id: a, for_each: inputs.few, tool: http.request", ""),
    "another tool": ("id: a, for_each: inputs.list, tool: files.get", ""),
    "no loop": ("id: a, tool: http.request", ""),
}


@pytest.mark.parametrize(("step", "head"), BOUNDED.values(), ids=BOUNDED)
def test_requests_with_a_bound(step: str, head: str) -> None:
    assert codes(step, head=head) == []


S, S31 = "tool: read, timeout: 10s", "tool: read, timeout: 31s"
WORST = {
    "one step": ([f"id: a, {S}, retry: {{max_attempts: 3, backoff: fixed, delay: 15s}}"], "step 'a' takes 1m"),
    "a chain": (
        [f"id: a, {S}", *(f"id: {y}, {S}, depends_on: {x}" for x, y in ("ab", "bc", "cd"))],
        "steps 'a' -> 'b' -> 'c' -> 'd' take 40s",
    ),
    "the longer way": (
        [f"id: a, {S}", "id: b, tool: read, timeout: 21s", f"id: c, {S}, depends_on: [a, b]"],
        "steps 'b' -> 'c' take 31s",
    ),
    "a block": ([f"id: a, retry: {{max_attempts: 2, delay: 11s}}, steps: [{{id: b, {S}}}]"], "step 'a' takes 31s"),
    "the longest branch": (
        [f"id: a, choose: [{{when: inputs.list, steps: [{{id: b, {S}}}]}}, {{steps: [{{id: c, {S31}}}]}}]"],
        "step 'a' takes 31s",
    ),
    "rounds": ([f"id: a, {S}, repeat: {{max: 3, every: 1s}}"], "step 'a' takes 32s"),
    "items one by one": ([f"id: a, {S}, for_each: {{in: [1, 2, 3, 4], max_parallel: 1}}"], "step 'a' takes 40s"),
    "a total": (["id: a, tool: read, timeout: {total: 40s}"], "step 'a' takes 40s"),
    "many steps": (
        [f"id: s0, {S}", *(f"id: s{n}, {S}, depends_on: s{n - 1}" for n in range(1, 9))],
        "steps 's0' -> 's1' -> 's2' -> 's3' -> 's4' -> ... -> 's8' take 1m30s",
    ),
}


@pytest.mark.parametrize(("steps", "says"), WORST.values(), ids=WORST)
def test_worst_cases_beyond_the_timeout(steps: list[str], says: str) -> None:
    (problem,) = problems(workflow(*steps, head="timeout: 30s\n"))
    assert problem.code == "AEL502"
    assert problem.message == f"in the worst case {says}, longer than the workflow's `timeout` of 30s"


def test_the_defaults_count() -> None:
    head = "timeout: 30s\ndefaults: {timeout: 10s, retry: {max_attempts: 3, delay: 1s}}\n"
    assert codes("id: a, tool: read", head=head) == ["AEL502"]
    assert codes("id: a, tool: read, retry: 1", head=head) == []
    assert codes("id: a, tool: read, timeout: none", head=head) == []


WITHIN = {
    "short enough": [f"id: a, {S}", f"id: b, {S}, depends_on: a", f"id: c, {S}, depends_on: b"],
    "side by side": [f"id: {name}, {S}" for name in "abcdef"],
    "a time that is not known": ["id: a, tool: read, retry: 9"],
    "behind a time that is not known": ["id: a, tool: read", "id: b, tool: read, timeout: 40s, depends_on: a"],
    "a total bounds it": ["id: a, tool: read, retry: 9, timeout: {attempt: 10s, total: 30s}"],
    "a list that is not known": [f"id: a, {S}, for_each: inputs.list"],
    "items side by side": [f"id: a, {S}, for_each: [1, 2, 3, 4]"],
    "no items": [f"id: a, {S}, for_each: []"],
    "never run": ["id: a, tool: read, timeout: 1h, when: false"],
    "an exit": ["id: a, exit: completed"],
    "a workflow": ["id: a, workflow: other"],
}


@pytest.mark.parametrize("steps", WITHIN.values(), ids=WITHIN)
def test_worst_cases_that_are_within_or_not_known(steps: list[str]) -> None:
    assert "AEL502" not in codes(*steps, head="timeout: 30s\n")


def test_any_number_of_attempts_is_counted() -> None:
    text = workflow("id: a, tool: read, timeout: 1s, retry: {max_attempts: 1000000, delay: 0}", head="timeout: 1h\n")
    (problem,) = problems(text)
    assert "takes 11d13h46m40s" in problem.message


LIKE = "0123456789abcdefghijABCDEFGHIJ012345"
SECRETS: dict[str, dict[str, JsonValue]] = {
    "an OpenAI key": {"x": f"sk-proj-{LIKE}"},
    "a GitHub token": {"x": f"ghp_{LIKE}"},
    "a fine-grained GitHub token": {"x": f"github_pat_{LIKE}"},
    "a GitLab token": {"x": "glpat-0123456789abcdefghij"},
    "an AWS key": {"x": "AKIA0123456789ABCDEF"},
    "a Slack token": {"x": "xoxb-0123456789-abc"},
    "a private key": {"x": "-----BEGIN RSA PRIVATE KEY-----\nMIIE"},
    "in text": {"x": f"curl -H 'token: ghp_{LIKE}'"},
    "at depth": {"x": [{"y": [f"ghp_{LIKE}"]}]},
    "a password": {"password": "hunter2"},
    "a password of something": {"db_password": "c0rrecthorse"},
    "a token": {"token": "a1b2c3d4e5"},
    "an API key": {"headers": {"X-Api-Key": "a1b2c3d4e5"}},
    "a secret": {"client_secret": "a1b2c3d4e5"},
    "authorization": {"headers": {"Authorization": "Bearer a1b2c3d4e5"}},
}
HARMLESS: dict[str, dict[str, JsonValue]] = {
    "a template": {"password": "{{ secrets.PASSWORD }}"},
    "half a template": {"Authorization": "Bearer {{ secrets.TOKEN }}"},
    "a placeholder in angles": {"password": "<your password>"},
    "a placeholder in braces": {"password": "${PASSWORD}"},
    "a placeholder in words": {"api_key": "your-api-key-1"},
    "stars": {"password": "********"},
    "an example": {"x": "AKIAIOSFODNN7EXAMPLE"},
    "nothing": {"password": "", "token": None, "secret": 12345678},
    "a page": {"page_token": "a1b2c3d4e5", "nextToken": "a1b2c3d4e5"},
    "a word": {"token": "identifier", "secret": "database-credentials"},
    "a few characters": {"token": "usd1"},
    "a number of tokens": {"max_tokens": "100000000a"},
    "words with sk-": {"x": "task-force-for-everything-in-the-world-1", "y": "sk-learn-for-all-of-the-people"},
    "another key": {"user": "a1b2c3d4e5"},
}


def of_params(params: dict[str, JsonValue]) -> list[str]:
    definition = WorkflowDefinition("w", (StepDefinition("a", ToolBody("t", params)),))
    return [each.code for each in check_definition(definition, analyse(definition))]


@pytest.mark.parametrize("params", SECRETS.values(), ids=SECRETS)
def test_secrets_in_the_file(params: dict[str, JsonValue]) -> None:
    assert of_params(params) == ["AEL504"]


@pytest.mark.parametrize("params", HARMLESS.values(), ids=HARMLESS)
def test_what_is_no_secret(params: dict[str, JsonValue]) -> None:
    assert of_params(params) == []


def test_secrets_are_taken_out_where_templates_are_not_read() -> None:
    steps = (StepDefinition("a", CodeBody(f"key = 'ghp_{LIKE}'")),)
    inputs = (InputDefinition("password", {"type": "string"}, default="hunter2"),)
    definition = WorkflowDefinition("w", steps, inputs=inputs)
    found = check_definition(definition, analyse(definition))
    assert [each.hint for each in found if each.code == "AEL504"] == [
        "take it out, and write `{{ secrets.NAME }}` in the `params` of the tool that needs it",
        "take it out, and write `{{ secrets.PASSWORD }}` in the `params` of the tool that needs it",
    ]


def test_a_secret_is_not_in_the_words() -> None:
    (problem,) = problems(workflow(f"id: a, tool: t, params: {{x: ghp_{LIKE}}}"))
    assert LIKE not in problem.message
    assert LIKE not in (problem.hint or "")
