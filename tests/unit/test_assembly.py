"""Everything wired together: the public calls, with real adapters and no servers."""

from __future__ import annotations

from pathlib import Path

import pytest

import ael
from ael.types import JsonValue
from tests.build import step, workflow

HELLO = """\
name: hello
inputs:
  name: string
steps:
  - id: greet
    tool: greet
    params: {name: "{{ inputs.name }}"}
  - id: count
    code: |
      return len(steps.greet.output)
outputs:
  text: "{{ steps.greet.output }}"
  length: "{{ steps.count.output }}"
"""


@ael.tool(read_only=True)
def greet(name: str) -> str:
    """Greet somebody."""
    return f"hello {name}"


async def test_tools_code_and_templates_together(tmp_path: Path) -> None:
    file = tmp_path / "hello.ael.yaml"
    file.write_text(HELLO)
    async with ael.create_engine(workflows=[tmp_path], tools=[greet]) as engine:
        result = (await engine.execute("hello", {"name": "Ada"})).raise_for_status()
        assert result.outputs == {"text": "hello Ada", "length": 9}
        spec = engine.tool_spec("hello")
        assert spec.input_schema["required"] == ["name"]
        file.write_text(HELLO.replace("hello\n", "hello\nversion: '2'\n", 1))
        assert (await engine.execute("hello", {"name": "Bo"})).workflow_version == "2"


async def test_a_broken_definition_is_a_result_with_every_problem(tmp_path: Path) -> None:
    (tmp_path / "hello.yaml").write_text(
        HELLO.replace("tool: greet", "tool: grete").replace("inputs.name", "inputs.nam")
    )
    async with ael.create_engine(workflows=[tmp_path], tools=[greet]) as engine:
        result = await engine.execute("hello", {"name": "Ada"})
    assert isinstance(result.error, ael.WorkflowInvalidError)
    assert result.error.code == "WORKFLOW_INVALID"
    assert len([each for each in result.error.diagnostics if each.is_error]) == 2
    assert result.to_dict()["error"]["details"]["diagnostics"]


async def test_only_cycles_have_a_code_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "ring.yaml").write_text(
        "name: ring\nsteps:\n- {id: a, code: 'return 1', depends_on: b}\n- {id: b, code: 'return 1', depends_on: a}\n"
    )
    async with ael.create_engine(workflows=[tmp_path]) as engine:
        result = await engine.execute("ring")
    assert result.error is not None
    assert result.error.code == "CIRCULAR_DEPENDENCY"


async def test_secrets_are_masked_in_errors_results_and_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEL_SECRET_TOKEN", "s3cr3t-value")

    @ael.tool
    def leak(token: str) -> str:
        """Fail with what must not be told."""
        raise ael.ToolError(f"bad token {token}", details={"token": token})

    definition = ael.parse_workflow(
        'name: leaky\nsteps:\n- {id: a, tool: leak, params: {token: "{{ secrets.TOKEN }}"}}\n'
    )
    async with ael.create_engine(workflows=[definition], tools=[leak]) as engine:
        execution = engine.start("leaky")
        events = [str(event.to_dict()) async for event in execution.events()]
        result = await execution.result()
    told = " ".join([*events, str(result.to_dict()), str(result.error), repr(result.error), str(result["a"].error)])
    assert "bad token" in told
    assert "s3cr3t-value" not in told


async def test_a_missing_secret_names_the_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AEL_SECRET_TOKEN", raising=False)
    definition = ael.parse_workflow('name: w\nsteps:\n- {id: a, tool: greet, params: {name: "{{ secrets.TOKEN }}"}}\n')
    async with ael.create_engine(workflows=[definition], tools=[greet]) as engine:
        result = await engine.execute("w")
    assert result.error is not None
    assert result.error.code == "TEMPLATE_ERROR"
    assert "AEL_SECRET_TOKEN" in result.error.message


def test_run_sync_runs_a_file_and_refuses_a_running_loop(tmp_path: Path) -> None:
    file = tmp_path / "hello.yaml"
    file.write_text(HELLO)
    assert ael.run_sync(file, {"name": "Ada"}, tools=greet).outputs["length"] == 9
    assert ael.run_sync(workflow(step("a", "greet", {"name": "x"})), tools=[greet]).ok
    with pytest.raises(ael.WorkflowNotFoundError):
        ael.run_sync("nobody", tools=greet)


async def test_run_sync_in_a_loop_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="await"):
        ael.run_sync(workflow(step("a", "greet", {"name": "x"})), tools=[greet])


def test_check_takes_text_or_a_path_and_never_raises(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text(HELLO)
    assert ael.check(file, tools=greet) == []
    assert ael.check(HELLO) == []
    assert [each.is_error for each in ael.check(HELLO, tools=())] == [True]
    assert ael.check(tmp_path / "nothing.yaml")[0].is_error
    assert ael.check(": : :\n- [")[0].is_error


def test_what_is_not_there_yet_is_refused_by_name() -> None:
    with pytest.raises(ael.ConfigInvalidError, match="journal is not supported yet"):
        ael.create_engine(journal="runs.db")
    with pytest.raises(ael.WorkflowNotFoundError):
        ael.create_engine(workflows="no/such/folder")
    with pytest.raises(ael.ConfigInvalidError):
        ael.create_engine(tools=[42])


def test_every_public_name_resolves_and_is_listed() -> None:
    for name in ael.__all__:
        assert getattr(ael, name) is not None
    assert set(ael.__all__) <= set(dir(ael))
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        ael.nope  # noqa: B018


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
async def test_what_a_tool_does_to_its_arguments_reaches_nobody(asynchronous: bool) -> None:
    def spoil(first: list[JsonValue], second: JsonValue, fixed: dict[str, JsonValue]) -> JsonValue:
        seen = repr((first, second, fixed))
        first[0].append("spoilt")
        second["k"].append("spoilt")
        fixed["list"].append("spoilt")
        return seen

    async def spoil_async(first: list[JsonValue], second: JsonValue, fixed: dict[str, JsonValue]) -> JsonValue:
        return spoil(first, second, fixed)

    @ael.tool
    def give() -> JsonValue:
        return {"a": [["a"]], "b": {"k": []}}

    definition = ael.parse_workflow("""\
name: w
inputs: {mine: {default: {k: []}}}
steps:
- {id: give, tool: give}
- id: one
  tool: spoil
  params: {first: "{{ steps.give.output.a }}", second: "{{ inputs.mine }}", fixed: {list: []}}
- id: two
  tool: spoil
  depends_on: one
  params: {first: "{{ steps.give.output.a | list }}", second: "{{ inputs.mine }}", fixed: {list: []}}
""")
    tool = ael.Tool.from_function(spoil_async if asynchronous else spoil, name="spoil")
    mine: dict[str, JsonValue] = {"k": []}
    async with ael.create_engine(workflows=[definition], tools=[give, tool]) as engine:
        for inputs in ({"mine": mine}, {}, {}):
            result = (await engine.execute("w", inputs)).raise_for_status()
            assert result["one"].output == result["two"].output == "([['a']], {'k': []}, {'list': []})"
            assert result["give"].output == {"a": [["a"]], "b": {"k": []}}
    assert mine == {"k": []}


async def test_secrets_are_masked_in_outputs_that_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEL_SECRET_TOKEN", "s3cr3t-value")
    definition = ael.parse_workflow("""\
name: w
steps:
- {id: a, tool: greet, params: {name: x}}
outputs:
  n: {value: "{{ secrets.TOKEN }}", schema: {type: string, maxLength: 3}}
""")
    async with ael.create_engine(workflows=[definition], tools=[greet]) as engine:
        result = await engine.execute("w")
    assert result.error is not None
    assert result.error.code == "OUTPUT_INVALID"
    assert "s3cr3t-value" not in f"{result.error} {result.error!r} {result.error.details} {result.to_dict()}"
