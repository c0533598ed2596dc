"""``ael tools lock`` and ``ael check`` with real servers: offline by the lock, and how they have changed since."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jsonschema_rs
import pytest

import ael
from ael.cli import run_command_line
from ael.ports import ToolSpec
from ael.tools.lock import LockedServer, ToolLock
from ael.types import JsonValue
from tests.acceptance.mcp_calls import ANSWERING
from tests.pages import ROOT, blocks

pytest.importorskip("mcp")

TOOLS = '''
import ael

@ael.tool(idempotent=True)
def greet(name: str, times: int = 1) -> str:
    """Greet somebody."""
    print("imported and run", times)
    return name * times
'''
# A server whose tools are what a file says: {name: [input schema, annotations]}.
SERVER = """
import asyncio, json, os, sys
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp_types import ListToolsResult, Tool, ToolAnnotations

async def list_tools(ctx, params):
    said = json.load(open(sys.argv[1]))
    tools = []
    for name, (schema, hints) in said.items():
        text = f"{name}, with {os.environ.get('API_KEY')}"
        tools.append(Tool(name=name, description=text, input_schema=schema, annotations=ToolAnnotations(**hints)))
    return ListToolsResult(tools=tools)

async def main():
    server = Server("changing", version="1.0", on_list_tools=list_tools)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

asyncio.run(main())
"""
FLOW = """
name: w
steps:
  - {id: a, tool: srv.find, params: {text: x}}
  - {id: b, tool: greet, params: {name: Ada}}
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Done]


def object_of(**properties: str) -> dict[str, JsonValue]:
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in properties.items()}}


def offer(project: Path, **tools: list[JsonValue]) -> None:
    """Say what the changing server has from now on."""
    (project / "said.json").write_text(json.dumps(tools))


def write_lock(project: Path) -> None:
    """What ``ael tools lock`` writes while the server has one tool: it takes seconds to start."""
    find = ToolSpec("find", "find, with ***", FIND[0], read_only=True, server="srv")
    functions = {spec.name: spec for spec in ael.create_engine(config="ael.toml").invoker.specs()}
    (project / "ael.lock").write_text(
        ToolLock({"srv": LockedServer({"find": find}, "changing", "1.0")}, functions).text()
    )


FIND = [object_of(text="string"), {"readOnlyHint": True}]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KEY_OF_TEST", "hunter2hunter2")
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "mine.py").write_text(TOOLS)
    (tmp_path / "w.yaml").write_text(FLOW)
    (tmp_path / "ael.toml").write_text(
        f'tools = ["mine"]\n[mcp_servers.srv]\ncommand = {json.dumps(sys.executable)}\n'
        'args = ["server.py", "said.json"]\ncwd = "."\nenv = {API_KEY = "${KEY_OF_TEST}"}\n'
    )
    offer(tmp_path, find=FIND)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


@pytest.fixture
def command(project: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Done:
        capfd.readouterr()
        code = run_command_line(arguments)
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return Done(code, captured.out, captured.err)

    return run


def test_the_lock_says_everything_of_tools_and_nothing_of_how_to_reach_them(command: Command, project: Path) -> None:
    done = command("tools", "lock")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines()[-1] == "wrote ael.lock: 1 tool of 1 server, 2 others"
    text = (project / "ael.lock").read_text()
    lock = json.loads(text)
    assert lock["servers"]["srv"] == {
        "name": "changing",
        "version": "1.0",
        "tools": {
            "find": {
                "description": "find, with ***",
                "input_schema": FIND[0],
                "annotations": {"read_only": True},
            }
        },
    }
    assert lock["tools"]["greet"]["annotations"] == {"idempotent": True}
    assert lock["tools"]["greet"]["input_schema"]["required"] == ["name"]
    assert set(lock["tools"]) == {"greet", "http.request"}
    assert not [word for word in ("hunter2", str(project), sys.executable, "server.py") if word in text]
    write_lock(project)
    assert (project / "ael.lock").read_text() == text


def test_a_check_knows_the_tools_by_the_lock_and_starts_nothing(command: Command, project: Path) -> None:
    write_lock(project)
    (project / "server.py").unlink()
    (project / "w.yaml").write_text(FLOW.replace("srv.find", "srv.fnid").replace("tool: greet", "tool: gret"))
    done = command("check", "w.yaml")
    assert done.code == 3
    assert "error[AEL601]: step 'a' calls 'srv.fnid'" in done.out
    assert "did you mean 'srv.find'?" in done.out
    assert "did you mean 'greet'?" in done.out
    (project / "w.yaml").write_text(FLOW.replace("srv.find", "find"))
    assert command("check", "w.yaml") == (0, "", "no problems in 1 file\n")


def test_without_a_lock_a_server_may_have_any_tool(command: Command, project: Path) -> None:
    (project / "w.yaml").write_text(FLOW.replace("srv.find", "srv.anything"))
    assert command("check", "w.yaml").code == 0


def test_python_tools_are_known_directly_and_win(command: Command, project: Path) -> None:
    write_lock(project)
    lock = (project / "ael.lock").read_text()
    (project / "ael.lock").write_text(lock.replace('"greet"', '"vanished"'))
    assert command("check", "w.yaml").code == 0
    (project / "w.yaml").write_text(FLOW.replace("tool: greet", "tool: vanished"))
    assert "AEL601" in command("check", "w.yaml").out


def test_a_lock_alone_says_which_tools_there_are(command: Command, project: Path) -> None:
    write_lock(project)
    (project / "ael.toml").unlink()
    assert command("check", "w.yaml") == (0, "", "no problems in 1 file\n")
    (project / "w.yaml").write_text(FLOW.replace("srv.find", "srv.other"))
    assert "AEL601" in command("check", "w.yaml").out


def test_the_lock_of_the_repository_counts_in_its_folders(
    command: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lock(project)
    (project / ".git").mkdir()
    (project / "flows").mkdir()
    (project / "flows" / "w.yaml").write_text(FLOW.replace("srv.find", "srv.fnid"))
    monkeypatch.chdir(project / "flows")
    assert "AEL601" in command("check", "w.yaml").out


def test_a_tool_of_a_disabled_server_is_switched_off_whatever_the_lock_says(command: Command, project: Path) -> None:
    write_lock(project)
    config = (project / "ael.toml").read_text()
    (project / "ael.toml").write_text(config + "disabled = true\n")
    assert "error[AEL604]" in command("check", "w.yaml").out


def test_the_difference_can_be_read_and_writes_nothing(command: Command, project: Path) -> None:
    done = command("tools", "lock", "--check")
    assert done.code == 1
    assert done.out.splitlines() == ["+ server srv", "+ srv.find", "+ greet", "+ http.request"]
    assert not (project / "ael.lock").exists()
    write_lock(project)
    assert command("tools", "lock", "--check") == (0, "", "ael.lock is up to date\n")
    text = (project / "ael.lock").read_text()
    offer(project, find=[object_of(text="integer", more="string"), {}], other=FIND)
    done = command("tools", "lock", "--check")
    assert done.code == 1
    assert done.out.splitlines() == [
        "~ srv.find: param `more` was added",
        "~ srv.find: param `text` was string and is integer",
        "~ srv.find: `read_only` was yes and is not said",
        "+ srv.other",
    ]
    assert done.err == "ael.lock is not up to date; `ael tools lock` writes it anew\n"
    assert (project / "ael.lock").read_text() == text


def test_a_server_that_does_not_answer_keeps_its_tools(command: Command, project: Path) -> None:
    write_lock(project)
    text = (project / "ael.lock").read_text()
    (project / "server.py").write_text("import sys; sys.exit('out of order, hunter2hunter2')")
    done = command("tools", "lock")
    assert done.code == 1
    assert done.err.startswith("error: server 'srv' cannot be asked: MCP server 'srv' does not start")
    assert "out of order, ***; the lock keeps its tools" in done.err
    assert (project / "ael.lock").read_text() == text
    assert command("tools", "lock", "--check").code == 1
    (project / "ael.lock").unlink()
    assert command("tools", "lock", "--check").code == 1


def test_another_file_can_be_named(command: Command, project: Path) -> None:
    assert command("tools", "lock", "-o", "other.lock").code == 0
    assert not (project / "ael.lock").exists()
    assert command("tools", "lock", "-o", "other.lock", "--check").code == 0
    done = command("tools", "lock", "-o", "nowhere/x.lock")
    assert done.code == 2
    assert "error[CONFIG_INVALID]: cannot write nowhere/x.lock" in done.err


def test_online_says_what_has_changed_in_tools_that_are_called(command: Command, project: Path) -> None:
    write_lock(project)
    assert command("check", "--online", "w.yaml") == (0, "", "no problems in 1 file\n")
    offer(project, find=[{**object_of(text="string", more="string"), "required": ["more"]}, {"destructiveHint": True}])
    assert command("check", "w.yaml").code == 0
    done = command("check", "--online", "w.yaml")
    assert "warning[AEL607]" in done.out
    assert "w.yaml:4:19" in done.out
    assert "since ael.lock was written: param `more` was added and is required" in done.out
    assert "`read_only` was yes and is not said; `destructive` was not said and is yes" in done.out
    (project / "w.yaml").write_text(FLOW.replace("{text: x}}", "{text: x}}  # ael: ignore[AEL607, AEL608]"))
    done = command("check", "--online", "w.yaml")
    assert "[AEL607]:" not in done.out
    assert "[AEL608]:" not in done.out


def test_online_a_tool_that_is_gone_is_an_error_where_it_is_called(command: Command, project: Path) -> None:
    write_lock(project)
    offer(project, find2=FIND)
    done = command("check", "--online", "w.yaml")
    assert done.code == 3
    assert "error[AEL606]" in done.out
    assert "AEL601" not in done.out
    assert "did you mean 'srv.find2'?" in done.out
    (project / "other.yaml").write_text("name: w\nsteps: [{id: a, code: return 1}]\n")
    done = command("check", "--online", "other.yaml")
    assert done.code == 0
    assert "note[AEL609]: 'srv.find' is no longer what the lock says: it is gone" in done.out
    assert "note[AEL609]: server 'srv' is no longer what the lock says: it also has find2" in done.out


def test_online_a_server_that_does_not_answer_is_what_the_lock_says(command: Command, project: Path) -> None:
    write_lock(project)
    (project / "server.py").unlink()
    done = command("check", "--online", "w.yaml")
    assert done.code == 0
    assert done.out.count("warning[AEL612]") == 1
    assert "AEL609" not in done.out
    (project / "ael.lock").unlink()
    assert "warning[AEL612]" in command("check", "--online", "w.yaml").out


def test_online_without_a_lock_asks_all_the_same(command: Command, project: Path) -> None:
    (project / "w.yaml").write_text(FLOW.replace("srv.find", "srv.fnid"))
    assert command("check", "w.yaml").code == 0
    assert "AEL601" in command("check", "--online", "w.yaml").out


def test_online_asks_the_servers_of_a_named_file(command: Command, project: Path) -> None:
    entry = {"command": sys.executable, "args": [ANSWERING]}
    (project / "mcp.json").write_text(json.dumps({"mcpServers": {"more": entry}}))
    (project / "w.yaml").write_text(FLOW.replace("srv.find, params: {text: x}", "more.ecko, params: {text: x}"))
    assert command("check", "--mcp", "mcp.json", "w.yaml").code == 0
    assert "did you mean 'more.echo'?" in command("check", "--online", "--mcp", "mcp.json", "w.yaml").out
    assert command("tools", "lock", "--mcp", "mcp.json").code == 0
    assert "did you mean 'more.echo'?" in command("check", "w.yaml").out


def test_tools_of_the_lock_are_there_where_none_are_given(command: Command, project: Path) -> None:
    """Python tools that `--tools` gave when the lock was written, and nobody gives now."""
    (project / "ael.toml").write_text("")
    assert command("tools", "lock", "--tools", "mine.py").code == 0
    (project / "w.yaml").write_text("name: w\nsteps:\n  - {id: b, tool: greet, params: {name: Ada}}\n")
    for more in ([], ["--online"]):
        assert command("check", "w.yaml", *more) == (0, "", "no problems in 1 file\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "error[AEL610]: the lock of the tools cannot be read: it is no JSON"),
        ('{"lock": 9}', "error[AEL611]: the lock of the tools has version 9, and this ael reads version 1"),
        ('{"lock": 1, "tools": 3}', "error[AEL610]: the lock of the tools cannot be read: it is no lock"),
    ],
    ids=["no JSON", "version", "no lock"],
)
def test_a_broken_lock_is_a_diagnostic_and_can_be_written_anew(
    text: str, says: str, command: Command, project: Path
) -> None:
    (project / "ael.lock").write_text(text)
    for form in ("text", "json", "github", "sarif"):
        assert command("check", "w.yaml", "--format", form).code == 3
    assert says in command("check", "w.yaml").out
    done = command("tools", "lock")
    assert done.code == 0
    assert "warning: ael.lock is passed over" in done.err
    assert command("check", "w.yaml").code == 0


def test_a_run_does_not_look_at_the_lock(command: Command, project: Path) -> None:
    (project / "ael.lock").write_text("{")
    (project / "r.yaml").write_text(
        "name: w\nsteps:\n  - {id: b, tool: greet, params: {name: Ada}}\noutput: '{{ steps.b.output }}'"
    )
    done = command("run", "r.yaml")
    assert done.code == 0, done.err
    assert "lock" not in done.err


def test_editors_know_the_tools_of_the_lock(command: Command, project: Path) -> None:
    def accepts(tool: str, params: JsonValue) -> bool:
        schema = json.loads(command("schema", "--with-tools").out)
        step = {"id": "a", "tool": tool, "params": params}
        return jsonschema_rs.Draft202012Validator(schema).is_valid({"name": "w", "steps": [step]})

    assert accepts("srv.anything", {})
    assert not accepts("other.anything", {})
    write_lock(project)
    assert not accepts("srv.anything", {})
    assert accepts("srv.find", {"text": "x"})
    assert not accepts("srv.find", {"text": 3})
    assert accepts("greet", {"name": "x", "times": "{{ 3 }}"})
    assert not accepts("greet", {"nmae": "x"})
    (project / "ael.lock").write_text("{")
    done = command("schema", "--with-tools")
    assert (done.code, done.out) == (2, "")
    assert "AEL610" in done.err
    assert json.loads(command("schema").out)["$id"] == "urn:ael:schema:workflow:1"


# The page about it

PAGE = ROOT / "docs" / "checking.md"
LOG = [{**object_of(repo_path="string", max_count="integer"), "required": ["repo_path"]}, {"readOnlyHint": True}]
LATER = [{**object_of(repo_path="string"), "required": ["repo_path"]}, {}]


def test_the_page_shows_what_is_said(command: Command, project: Path) -> None:
    """Its commands in their order, each with the workflow that stands last above it."""
    config = (project / "ael.toml").read_text().replace("[mcp_servers.srv]", "[mcp_servers.git]")
    (project / "ael.toml").write_text(config.replace('tools = ["mine"]\n', ""))
    offer(project, git_log=LOG, git_status=LOG)
    shown = 0
    for block in sorted([*blocks(PAGE, "yaml"), *blocks(PAGE, "console")], key=lambda block: block.line):
        if block.language == "yaml":
            (project / "digest.ael.yaml").write_text(block.text)
            continue
        first, *expected = block.text.splitlines()
        if not expected or expected[0].startswith("$ "):
            continue
        if "--online" in first:
            offer(project, git_log=LATER, git_status=LOG)
        done = command(*first.removeprefix("$ ael ").split())
        assert (done.out or done.err).splitlines() == expected
        shown += 1
    assert shown == 3
