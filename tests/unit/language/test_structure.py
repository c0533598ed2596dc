"""From a document to a definition: every key, every form, and every rule that a file can break."""

from __future__ import annotations

import pytest

from ael.definition import MISSING, CodeBody, StepDefinition, ToolBody, WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.language import parse
from ael.language.records import STAGE
from ael.language.tables import STEP, WORKFLOW
from ael.types import Backoff, JsonValue, OnError, RetryConfig, TimeoutConfig

TOOL_STEP = "steps: [{id: a, tool: git.git_log}]"


def definition_of(text: str, *, notes: tuple[str, ...] = ()) -> WorkflowDefinition:
    """The definition of a text without errors, and with exactly these notes."""
    definition, found = parse(text)
    assert [(problem.code, problem.message) for problem in found if problem.is_error] == []
    assert tuple(problem.code for problem in found) == notes
    assert definition is not None
    return definition


def step_of(text: str, *, notes: tuple[str, ...] = ()) -> StepDefinition:
    """The step of a workflow that has one, given as the keys after its id."""
    (step,) = definition_of(f"name: w\nsteps: [{{id: a, {text}}}]", notes=notes).steps
    return step


def problems_of(text: str) -> list[Diagnostic]:
    return parse(text)[1]


def test_the_example_of_the_language() -> None:
    definition = definition_of("""
name: repo-digest
version: "1.0"
description: What changed in a repository, as a short report
inputs:
  repo: {type: string, description: Path of the repository}
  commits: {type: integer, default: 10, minimum: 1, maximum: 100}
defaults: {timeout: 30s}
steps:
  - id: log
    tool: git.git_log                     # server.tool; or mcp: git with tool: git_log
    params: {repo_path: "{{ inputs.repo }}", max_count: "{{ inputs.commits }}"}
    retry: {max_attempts: 3, backoff: exponential, delay: 0.5s}
  - id: status
    tool: git.git_status
    params: {repo_path: "{{ inputs.repo }}"}
    on_error: skip
    fallback: "(status unavailable)"
  - id: digest
    code: |
      lines = steps.log.output.splitlines()
      return {"lines": len(lines), "status": steps.status.output}
outputs:
  digest: "{{ steps.digest.output }}"
""")
    assert (definition.name, definition.version) == ("repo-digest", "1.0")
    assert [(declared.name, declared.required, declared.default) for declared in definition.inputs] == [
        ("repo", True, MISSING),
        ("commits", False, 10),
    ]
    assert definition.defaults.timeout == TimeoutConfig(attempt=30.0)
    log, status, digest = definition.steps
    assert log.body == ToolBody("git.git_log", {"repo_path": "{{ inputs.repo }}", "max_count": "{{ inputs.commits }}"})
    assert log.retry == RetryConfig(max_attempts=3, delay=0.5)
    assert (status.on_error, status.fallback) == (OnError.SKIP, "(status unavailable)")
    assert isinstance(digest.body, CodeBody)
    assert digest.body.code.startswith("lines = ")
    assert digest.path == ("steps", 2)
    assert [(output.name, output.value, output.path) for output in definition.outputs] == [
        ("digest", "{{ steps.digest.output }}", ("outputs", "digest"))
    ]
    assert not definition.single_output


VERSIONS = {
    "1.0": "1.0",
    "1.10": "1.10",
    '"2"': "2",
    "3": "3",
    "0x10": "0x10",
    "1.2.3": "1.2.3",
    "v1": "v1",
    "1e3": "1e3",
}


@pytest.mark.parametrize(("written", "version"), VERSIONS.items(), ids=VERSIONS)
def test_a_version_is_its_source_text(written: str, version: str) -> None:
    assert definition_of(f"name: w\nversion: {written}\n{TOOL_STEP}").version == version


def test_workflow_keys() -> None:
    definition = definition_of(f"""
name: w
tags: [a, b]
timeout: 1h
max_parallel: 4
sequential: true
inputs:
{TOOL_STEP}
output: {{all: ["{{{{ steps.a.output }}}}"]}}
""")
    assert definition.tags == ("a", "b")
    assert (definition.timeout, definition.max_parallel, definition.sequential) == (3600.0, 4, True)
    assert definition.inputs == ()
    assert definition.single_output
    (output,) = definition.outputs
    assert (output.name, output.value, output.path) == ("output", {"all": ["{{ steps.a.output }}"]}, ("output",))


def test_defaults() -> None:
    definition = definition_of(
        f"name: w\ndefaults: {{timeout: {{total: 1m}}, on_error: retry, retry: {{on_exhausted: skip}}}}\n{TOOL_STEP}"
    )
    assert definition.defaults.timeout == TimeoutConfig(total=60.0)
    assert definition.defaults.on_error is OnError.RETRY
    assert definition.defaults.retry == RetryConfig(on_exhausted=OnError.SKIP)


RETRIES = {
    "4": RetryConfig(max_attempts=4),
    "1": RetryConfig(max_attempts=1),
    "{}": RetryConfig(),
    "{backoff: linear, multiplier: 3, max_delay: 5m, jitter: full}": RetryConfig(
        backoff=Backoff.LINEAR, multiplier=3.0, max_delay=300.0, jitter="full"
    ),
    "{delay: 500ms, jitter: 0.5, on: [TOOL_FAILED, MINE], except: OTHER}": RetryConfig(
        delay=0.5, jitter=0.5, on=("TOOL_FAILED", "MINE"), except_=("OTHER",)
    ),
    "{delay: 0, jitter: none}": RetryConfig(delay=0.0, jitter="none"),
}


@pytest.mark.parametrize(("written", "expected"), RETRIES.items(), ids=RETRIES)
def test_retry(written: str, expected: RetryConfig) -> None:
    assert step_of(f"tool: t, retry: {written}").retry == expected


TIMEOUTS = {
    "30": TimeoutConfig(attempt=30.0),
    "1m30s": TimeoutConfig(attempt=90.0),
    '"5"': TimeoutConfig(attempt=5.0),
    "none": TimeoutConfig(),
    "{attempt: 5, total: 1m}": TimeoutConfig(5.0, 60.0),
    "{attempt: none, total: 0.5}": TimeoutConfig(None, 0.5),
}


@pytest.mark.parametrize(("written", "expected"), TIMEOUTS.items(), ids=TIMEOUTS)
def test_timeout(written: str, expected: TimeoutConfig) -> None:
    assert step_of(f"tool: t, timeout: {written}").timeout == expected


STEPS = {
    "depends_on: b": {"depends_on": ("b",)},
    "depends_on: [b, c]": {"depends_on": ("b", "c")},
    "depends_on: null": {"depends_on": ()},
    "depends_on: bc d": {"depends_on": ("bc d",)},
    "when: inputs.x > 3": {"when": "inputs.x > 3"},
    "when: true": {"when": "true"},
    'when: "{{ x }}", fallback: null': {"when": "{{ x }}", "fallback": None},
    "on_error: skip, fallback: {a: [1]}": {"on_error": OnError.SKIP, "fallback": {"a": [1]}},
    "on_error: retry": {"on_error": OnError.RETRY, "retry": None},
    "on_error: retry, retry: {on_exhausted: skip}, fallback: 1": {"fallback": 1},
    "on_missing_tool: skip, fallback: 1": {"on_missing_tool": OnError.SKIP},
    "params: null": {"body": ToolBody("t", {})},
    "parse: json": {"body": ToolBody("t", {}, None, "json")},
}


@pytest.mark.parametrize(("written", "fields"), STEPS.items(), ids=STEPS)
def test_step_keys(written: str, fields: dict[str, JsonValue]) -> None:
    step = step_of(f"tool: t, {written}")
    assert {name: getattr(step, name) for name in fields} == fields


def test_what_is_not_given_is_none() -> None:
    step = step_of("tool: t")
    assert (step.on_error, step.retry, step.timeout, step.when) == (None, None, None, None)
    assert step.fallback is MISSING


def test_a_server_beside_a_tool() -> None:
    assert step_of("tool: git_log, mcp: git", notes=("AEL194",)).body == ToolBody("git_log", {}, "git")
    assert step_of("tool: git.git_log, mcp: git").body == ToolBody("git.git_log", {}, "git")


OLD_NAMES = {
    "on_error: continue": ("AEL191", "on_error: skip"),
    "retry: {delay_seconds: 3}": ("AEL190", "retry: {delay: 3}"),
    "retry: {initial_delay: 3}": ("AEL190", "retry: {delay: 3}"),
    "retry: {backoff_multiplier: 3}": ("AEL190", "retry: {multiplier: 3}"),
}


@pytest.mark.parametrize(("old", "code", "new"), [(old, *new) for old, new in OLD_NAMES.items()], ids=OLD_NAMES)
def test_old_names_mean_the_new_ones_and_are_fixed(old: str, code: str, new: str) -> None:
    assert step_of(f"tool: t, {old}", notes=(code,)) == step_of(f"tool: t, {new}")
    text = f"name: w\nsteps: [{{id: a, tool: t, {old}}}]"
    _, (note,) = parse(text)
    assert note.fix is not None
    assert note.fix.safe
    (edit,) = note.fix.edits
    lines = text.splitlines()
    line = lines[edit.line - 1]
    lines[edit.line - 1] = line[: edit.column - 1] + edit.text + line[edit.end_column - 1 :]
    assert "\n".join(lines) == f"name: w\nsteps: [{{id: a, tool: t, {new}}}]"


def test_python_exec_is_a_code_step_in_its_place() -> None:
    definition = definition_of(
        'name: w\nsteps:\n  - id: a\n    tool: python_exec\n    params: {code: "return 1"}', notes=("AEL195",)
    )
    assert definition.steps[0].body == CodeBody("return 1")
    assert definition.spans["steps", 0, "code"].value[:2] == (5, 20)


def test_old_code_is_noted_once_with_all_edits() -> None:
    code = "      x = context.inputs['a']\n      return context.steps['b'].output\n"
    text = f"name: w\nsteps:\n  - id: a\n    code: |\n{code}"
    _, (note,) = parse(text)
    assert note.code == "AEL196"
    assert note.fix is not None
    assert [(edit.line, edit.column, edit.end_column) for edit in note.fix.edits] == [(5, 11, 19), (6, 14, 22)]


NOT_OLD_CODE = ("return my.context.inputs", "return contexts.inputs", "result == 1\nreturn 2", "results = 1")


@pytest.mark.parametrize("code", NOT_OLD_CODE)
def test_what_only_looks_like_old_code(code: str) -> None:
    body = code.replace("\n", "\\n")
    assert step_of(f'code: "{body}"').body == CodeBody(code)


BROKEN = {
    "params beside code": ("code: return 1, params: {}", "AEL113"),
    "mcp beside code": ("code: return 1, mcp: git", "AEL113"),
    "parse beside code": ("code: return 1, parse: json", "AEL113"),
    "on_missing_tool beside code": ("code: return 1, on_missing_tool: skip", "AEL113"),
    "no body": ("when: x", "AEL111"),
    "two bodies": ("tool: t, code: return 1", "AEL112"),
    "a body of now and one of later": ("tool: t, wait: {}", "AEL112"),
    "fallback that nothing uses": ("tool: t, fallback: 1", "AEL114"),
    "fallback with on_error: fail": ("tool: t, fallback: 1, on_error: fail, retry: 3", "AEL114"),
    "fallback when retries fail": ("tool: t, fallback: 1, on_error: retry", "AEL114"),
    "on_exhausted alone": ("tool: t, retry: {on_exhausted: skip}", "AEL115"),
    "on_exhausted with skip": ("tool: t, on_error: skip, retry: {on_exhausted: fail}", "AEL115"),
    "braces in a tool": ('tool: "{{ x }}"', "AEL116"),
    "braces in depends_on": ('tool: t, depends_on: ["{{ x }}"]', "AEL116"),
    "braces in a duration": ('tool: t, timeout: "{{ x }}"', "AEL116"),
    "braces in a choice": ('tool: t, on_error: "{{ x }}"', "AEL116"),
    "a statement where no template is read": ('tool: "{% if x %}t{% endif %}"', "AEL116"),
    "a timeout of 0": ("tool: t, timeout: 0", "AEL106"),
    "a negative delay": ("tool: t, retry: {delay: -1}", "AEL106"),
    "true as a number of attempts": ("tool: t, retry: true", "AEL101"),
    "half an attempt": ("tool: t, retry: {max_attempts: 1.5}", "AEL101"),
    "text as a number of attempts": ('tool: t, retry: {max_attempts: "3"}', "AEL101"),
    "no attempt": ("tool: t, retry: 0", "AEL107"),
    "too much jitter": ("tool: t, retry: {jitter: 1.5}", "AEL107"),
    "an empty tool": ('tool: ""', "AEL125"),
    "blank code": ('code: " "', "AEL125"),
    "null as tool": ("tool: null", "AEL101"),
    "yes as a word": ("tool: t, on_error: yes", "AEL105"),
    "an unknown key": ("tool: t, foreach: x", "AEL102"),
}


@pytest.mark.parametrize(("written", "code"), BROKEN.values(), ids=BROKEN)
def test_rules_of_a_step(written: str, code: str) -> None:
    errors = [p.code for p in problems_of(f"name: w\nsteps: [{{id: a, {written}}}]") if p.is_error]
    assert code in errors
    assert set(errors) <= {code, "AEL104"}


@pytest.mark.parametrize("step_id", ["1a", "a.b", "a b", "é", "-a", "a\u0661"])
def test_ids_that_are_no_names(step_id: str) -> None:
    assert [p.code for p in problems_of(f'name: w\nsteps: [{{id: "{step_id}", tool: t}}]')] == ["AEL108"]


@pytest.mark.parametrize("step_id", ["a", "_a", "get-user", "A1", "items", "class", "and", "a" * 200])
def test_ids_that_are_names(step_id: str) -> None:
    assert definition_of(f"name: w\nsteps: [{{id: {step_id}, tool: t}}]").steps[0].id == step_id


@pytest.mark.parametrize("name", ["_a", "1a", "a b", "a/b"])
def test_names_that_are_no_names(name: str) -> None:
    assert [p.code for p in problems_of(f"name: {name}\n{TOOL_STEP}")] == ["AEL108"]


LATER_STEP_KEYS = sorted(key.name for key in STEP.keys if key.stage > STAGE)


def test_the_keys_of_later_stages_are_known() -> None:
    assert LATER_STEP_KEYS == ["cache", "effect", "verify", "wait"]
    assert [key.name for key in WORKFLOW.keys if key.stage > STAGE] == []


@pytest.mark.parametrize("key", LATER_STEP_KEYS)
def test_step_keys_of_later_stages_are_refused_by_name(key: str) -> None:
    found = [p for p in problems_of(f"name: w\nsteps: [{{id: a, tool: t, {key}: x}}]") if p.code == "AEL104"]
    assert [p.message for p in found] == [f"`{key}` is not supported yet in step 'a'"]


def test_code_names_its_executor() -> None:
    assert step_of("code: return 1").body == CodeBody("return 1", "safe")
    assert step_of("code: return 1, executor: safe").body == CodeBody("return 1", "safe")


EXECUTORS = {
    "of a later version": ("code: x, executor: trusted", "AEL104", "`executor: trusted` is not supported yet"),
    "unknown": ("code: x, executor: docker", "AEL105", "cannot be 'docker'; it can only be safe"),
    "no text": ("code: x, executor: 3", "AEL101", "must be safe, not the number 3"),
    "of a tool": ("tool: t, executor: safe", "AEL113", "`executor` means nothing in step 'a': it goes with `code`"),
}


@pytest.mark.parametrize(("written", "code", "part"), EXECUTORS.values(), ids=EXECUTORS)
def test_executors_that_are_refused(written: str, code: str, part: str) -> None:
    (found,) = problems_of(f"name: w\nsteps: [{{id: a, {written}}}]")
    assert found.code == code
    assert part in found.message


NEAR = {
    "dependson": "did you mean 'depends_on'?",
    "Tool": "did you mean 'tool'?",
    "on-error": "did you mean 'on_error'?",
    "fall_back": "did you mean 'fallback'?",
    "max_attempts": "`max_attempts` is a key of `retry`",
    "inputs": "did you mean 'params'?",
    "tags": "`tags` is a key of the workflow",
    "needs": "did you mean 'depends_on'?",
    "continue-on-error": "did you mean 'on_error'?",
}


@pytest.mark.parametrize(("key", "hint"), NEAR.items(), ids=NEAR)
def test_unknown_keys_name_the_nearest(key: str, hint: str) -> None:
    (found,) = problems_of(f"name: w\nsteps: [{{id: a, tool: t, {key}: x}}]")
    assert (found.code, found.hint) == ("AEL102", hint)


def test_a_misspelt_required_key_is_one_problem() -> None:
    assert [p.code for p in problems_of(f"nmae: w\n{TOOL_STEP}")] == ["AEL102"]


def test_all_problems_come_together_in_the_order_of_the_file() -> None:
    found = problems_of("nam: w\ntimeout: x\nsteps:\n  - {tool: 1, retry: {delay: x, jitter: y}}\n  - 3\noutputs: 4\n")
    assert [p.code for p in found] == ["AEL102", "AEL106", "AEL103", "AEL101", "AEL106", "AEL105", "AEL101", "AEL101"]
    places = [(p.line, p.column) for p in found]
    assert places == sorted(places)


DUPLICATES = "name: w\nsteps:\n  - {id: a, tool: t}\n  - {id: a, tool: u}\n  - {tool: v}\n"


def test_steps_without_an_id_of_their_own_still_exist() -> None:
    definition, found = parse(DUPLICATES)
    assert [p.code for p in found] == ["AEL109", "AEL103"]
    assert "first is on line 3" in found[0].message
    assert definition is not None
    assert len({step.id for step in definition.steps}) == 3


@pytest.mark.parametrize("text", ["", "- a", "3", "x", "null", "a: 'x"])
def test_what_is_no_workflow_at_all(text: str) -> None:
    definition, found = parse(text)
    assert definition is None
    assert [p.is_error for p in found] == [True]


def test_notes_are_kept_in_the_definition() -> None:
    definition = definition_of(f"name: w\npackages: {{profile: standard}}\n{TOOL_STEP}", notes=("AEL193",))
    assert [note.code for note in definition.notes] == ["AEL193"]


def test_on_exhausted_of_the_defaults_counts_for_any_step_that_retries() -> None:
    head = "name: w\ndefaults: {retry: {on_exhausted: skip}}\n"
    assert [p.code for p in problems_of(head + "steps: [{id: a, tool: t}]")] == ["AEL115"]
    definition_of(head + "steps: [{id: a, tool: t, on_error: retry, fallback: 1}]")
