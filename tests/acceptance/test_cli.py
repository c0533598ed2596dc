"""The real command line: in this process where only words and numbers count, else in one of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import ael
from ael.cli import run_command_line
from ael.observe.words import clean_text
from tests.acceptance.bad_inputs import CHECKED, FILES, RUN, BadInput

ROOT = Path(ael.__file__).parents[1]

TOOLS = '''
import asyncio
import ael

calls = []

@ael.tool
async def greet(name: str, times: int = 1) -> dict:
    """Greet somebody.

    Args:
        name: Who to greet.
    """
    print("greeting", name)
    return {"text": f"hello {name} " * times}

@ael.tool
def flaky(fails: int) -> int:
    """Fail some times, then say how often it was called."""
    calls.append(fails)
    if len(calls) <= fails:
        raise ael.ToolError("not yet", code="NOT_YET")
    return len(calls)

@ael.tool
async def hang(ctx: ael.ToolContext, seconds: float = 60.0) -> str:
    """Do nothing for long."""
    ctx.log("hanging")
    try:
        await asyncio.sleep(seconds)
    finally:
        print("cleaned up", flush=True)
    return "done"
'''

HELLO = """
name: hello
inputs:
  name: {type: string}
  times: {type: integer, default: 1}
steps:
  - id: greet
    tool: greet
    params: {name: "{{ inputs.name }}", times: "{{ inputs.times }}"}
  - id: count
    tool: flaky
    params: {fails: 2}
    retry: {max_attempts: 3, delay: 0.01, jitter: none}
  - id: never
    tool: greet
    params: {name: nobody}
    when: inputs.times > 100
outputs:
  text: "{{ steps.greet.output.text }}"
  count: "{{ steps.count.output }}"
"""

FAILING = """
name: failing
steps:
  - id: fine
    tool: greet
    params: {name: Ada}
  - id: broken
    tool: flaky
    params: {fails: 99}
    retry: {max_attempts: 2, delay: 0, jitter: none}
    depends_on: fine
  - id: after
    tool: greet
    params: {name: "{{ steps.broken.output | string }}"}
"""

HANGING = """
name: hanging
steps:
  - {id: first, tool: hang, params: {seconds: 60}}
  - {id: second, tool: hang, params: {seconds: 60}}
  - {id: third, tool: greet, params: {name: "{{ steps.first.output }}"}}
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ael.toml").write_text('workflows = ["flows"]\n')
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "hello.yaml").write_text(HELLO)
    (tmp_path / "failing.yaml").write_text(FAILING)
    (tmp_path / "hanging.yaml").write_text(HANGING)
    (tmp_path / "my_tools.py").write_text(TOOLS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(project: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs one command in this process, in the project's folder."""

    def run(*arguments: str) -> Done:
        capfd.readouterr()
        code = run_command_line(arguments)
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return Done(code, captured.out, captured.err)

    return run


def environment(**more: str) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if key not in {"CI", "NO_COLOR", "FORCE_COLOR"}}
    return {**inherited, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **more}


def finish(process: subprocess.Popen[str], given: str | None = None) -> Done:
    out, err = process.communicate(given, timeout=50)
    return Done(process.returncode, out, err)


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([sys.executable, "-m", "ael", *arguments], text=True, env=environment(), **pipes)  # type: ignore[call-overload]


# Mistakes


@pytest.mark.parametrize("bad", CHECKED, ids=lambda bad: bad.what)
def test_mistakes_in_files_are_found_at_their_place(bad: BadInput, command: Command, project: Path) -> None:
    (project / "bad.yaml").write_text(bad.text)
    done = command("check", "bad.yaml")
    assert done.code == 3, done.out
    assert bad.code in done.out
    assert f"bad.yaml:{bad.place}" in done.out
    assert bad.says in done.out
    done = command("run", "bad.yaml")
    assert done.code == bad.exit
    assert done.out == ""
    assert bad.code in done.err


@pytest.mark.parametrize("bad", RUN, ids=lambda bad: bad.what)
def test_mistakes_beside_the_file_and_while_it_runs(bad: BadInput, command: Command, project: Path) -> None:
    (project / "bad.yaml").write_text(bad.text)
    done = command("run", "bad.yaml", *bad.arguments)
    assert done.code == bad.exit, done.err
    assert done.out == ""
    assert bad.code in done.err
    assert bad.says in done.err
    if bad.place:
        assert f"bad.yaml:{bad.place}" in done.err


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_hardly_text(name: str, command: Command, project: Path) -> None:
    (project / "bad.yaml").write_bytes(FILES[name])
    done = command("check", "bad.yaml")
    assert done.code == 3
    assert "error[AEL0" in done.out
    assert len(done.out) < 10_000


def test_several_files_and_all_their_problems(command: Command, project: Path) -> None:
    (project / "one.yaml").write_text("name: w\nsteps:\n  - id: a\n    cod: return 1\n")
    (project / "two.yaml").write_text("name: 1 w\nsteps: []\n")
    done = command("check", "one.yaml", "flows/hello.yaml", "two.yaml", "--tools", "my_tools.py")
    assert done.code == 3
    assert "one.yaml:4:5" in done.out
    assert done.out.count("two.yaml:") == 2
    assert "hello" not in done.out


def test_nothing_wrong_is_exit_0_and_no_data(command: Command) -> None:
    assert command("check", "flows/hello.yaml", "--tools", "my_tools.py") == (0, "", "no problems in 1 file\n")


def test_warnings_alone_are_exit_0(command: Command, project: Path) -> None:
    (project / "old.yaml").write_text("name: w\npackages: [x]\nsteps:\n  - id: a\n    code: return 1\n")
    done = command("check", "old.yaml")
    assert done.code == 0
    assert "AEL193" in done.out


@pytest.mark.parametrize("form", ["json", "github", "sarif"])
def test_check_for_machines(form: str, command: Command, project: Path) -> None:
    (project / "bad.yaml").write_text("name: w\nsteps:\n  - id: a\n    cod: return 1\n")
    done = command("check", "bad.yaml", "--format", form)
    assert done.code == 3
    if form == "github":
        assert (
            "::error file=bad.yaml,line=4,endLine=4,col=5,endColumn=8,title=AEL102::step 'a' has no key 'cod'"
            in done.out
        )
        return
    data = json.loads(done.out)
    results = data if form == "json" else data["runs"][0]["results"]
    assert len(results) >= 1


def test_unknown_workflows_and_files(command: Command) -> None:
    done = command("run", "helo", "--tools", "my_tools.py")
    assert done.code == 2
    assert "did you mean 'hello'?" in done.err
    done = command("run", "nowhere.yaml")
    assert done.code == 2
    assert "there is no file 'nowhere.yaml'" in done.err
    done = command("run", "flows")
    assert done.code == 2
    assert "is a folder" in done.err


# Runs


def test_run_by_name_prints_outputs_on_stdout_and_the_rest_on_stderr(command: Command) -> None:
    done = command("run", "hello", "--tools", "my_tools.py", "-i", "name=Ada", "-i", "times=2")
    assert done.code == 0, done.err
    assert json.loads(done.out) == {"text": "hello Ada hello Ada ", "count": 3}
    assert "greeting Ada" in done.err
    assert re.search(r"^\[ *\d+ ms\] greet: completed", done.err, re.MULTILINE)
    assert re.search(
        r"^\[ *\d+ ms\] count: attempt 1/3 failed with NOT_YET: not yet; next in 10 ms$", done.err, re.MULTILINE
    )
    assert "never: skipped (condition)" in done.err
    assert re.search(r"^hello completed in .*: 2 completed, 1 skipped, 2 retries$", done.err, re.MULTILINE)


def test_quiet_says_only_the_last_words(command: Command) -> None:
    done = command("run", "-q", "hello", "--tools", "my_tools.py", "-i", "name=Ada")
    assert done.err.splitlines()[-1].startswith("hello completed in")
    assert "greet: " not in done.err


def test_json_is_the_result(command: Command) -> None:
    done = command("run", "hello", "--json", "--tools", "my_tools.py", "-i", "name=Ada")
    result = json.loads(done.out)
    assert (done.code, result["status"], result["outputs"]["count"]) == (0, "completed", 3)
    assert [step["step_id"] for step in result["step_results"]] == ["greet", "count", "never"]


def test_json_has_the_same_shape_for_what_never_began(command: Command, project: Path) -> None:
    whole = json.loads(command("run", "hello", "--json", "--tools", "my_tools.py", "-i", "name=Ada").out)
    (project / "bad.yaml").write_text("name: w\n")
    for arguments, code, exit_code in ((["bad.yaml"], "WORKFLOW_INVALID", 3), (["hello"], "INPUT_INVALID", 2)):
        done = command("run", *arguments, "--json", "--tools", "my_tools.py")
        result = json.loads(done.out)
        assert (done.code, result["status"], result["error"]["code"]) == (exit_code, "failed", code)
        assert result.keys() == whole.keys()


def test_jsonl_is_every_event(command: Command) -> None:
    done = command("run", "hello", "--jsonl", "--tools", "my_tools.py", "-i", "name=Ada")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["type"], events[-1]["type"]) == ("execution_started", "execution_finished")
    assert sum(event["type"] == "step_attempt_failed" for event in events) == 2


def test_warnings_of_old_files_are_said_before_they_run(command: Command, project: Path) -> None:
    step = "  - {id: %s, tool: greet, params: {name: x}}\n"
    (project / "flows" / "old.yaml").write_text("name: old\npackages: [x]\nsteps:\n" + step % "a" + step % "b")
    for target in ("flows/old.yaml", "old"):
        done = command("run", target, "--tools", "my_tools.py")
        assert done.code == 0
        assert done.err.count("warning[AEL205]") == 1
    assert "warning" not in command("run", "hello", "--tools", "my_tools.py", "-i", "name=Ada").err


def test_secrets_do_not_reach_the_terminal(command: Command, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEL_SECRET_KEY", "hunter2hunter2")
    (project / "leaky.yaml").write_text(
        'name: leaky\nsteps:\n  - {id: a, tool: greet, params: {name: "{{ secrets.KEY }}"}}\n'
        '  - {id: b, code: "raise ValueError(steps.a.output[\'text\'])"}\noutput: "{{ steps.a.output }}"\n'
    )
    for arguments in ([], ["--json"], ["--jsonl"]):
        done = command("run", "leaky.yaml", "--tools", "my_tools.py", *arguments)
        assert done.code == 1
        assert "hunter2" not in done.out
        assert "hunter2" not in done.err.replace("greeting hunter2hunter2", "")


def test_inputs_from_a_file(command: Command, project: Path) -> None:
    (project / "in.yaml").write_text("name: on\ntimes: 3\n")
    done = command("run", "hello", "--tools", "my_tools.py", "--inputs", "in.yaml", "-i", "times=1")
    assert json.loads(done.out)["text"] == "hello on "


def test_inputs_from_stdin(project: Path) -> None:
    process = start("run", "hello", "--tools", "my_tools.py", "-i", "name=-", stdin=subprocess.PIPE)
    done = finish(process, "Ada\nLovelace")
    assert json.loads(done.out)["text"] == "hello Ada\nLovelace ", done.err


def test_a_failed_run_shows_place_code_hint_and_attempts(command: Command) -> None:
    done = command("run", "failing.yaml", "--tools", "my_tools.py")
    assert done.code == 1
    assert done.out == ""
    assert "error[NOT_YET]: step 'broken': not yet" in done.err
    assert re.search(r"--> failing.yaml:\d+:5", done.err)
    assert re.search(r"attempts 1 to 2 of 2 \(at .+\): NOT_YET: not yet", done.err)
    assert re.search(r"^failing failed in .*: 1 completed, 1 failed, 1 skipped, 1 retry$", done.err, re.MULTILINE)


def test_a_timeout_of_the_whole_run(command: Command) -> None:
    done = command("run", "hanging.yaml", "--tools", "my_tools.py", "--timeout", "200ms")
    assert done.code == 1
    assert "WORKFLOW_TIMEOUT" in done.err
    assert done.err.count("cleaned up") == 2


def test_a_reader_that_goes_away_is_no_error(project: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = start("run", "hello", "--jsonl", "--tools", "my_tools.py", "-i", "name=Ada", stdout=writer)
    os.close(writer)
    done = finish(process)
    assert done.code == 0, done.err
    assert "BrokenPipe" not in done.err
    assert "Traceback" not in done.err


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Read the process's stderr up to a line with ``text``."""
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} never came:\n{seen}")


def test_ctrl_c_cancels_cleans_up_and_says_how_it_ended(project: Path) -> None:
    process = start("run", "hanging.yaml", "--tools", "my_tools.py")
    wait_for(process, "second: | hanging")
    process.send_signal(signal.SIGINT)
    done = finish(process)
    assert (done.code, done.out) == (130, "")
    assert done.err.count("cleaned up") == 2
    assert re.search(r"^hanging cancelled in .*2 cancelled", done.err, re.MULTILINE)
    assert "Traceback" not in done.err


STUBBORN = TOOLS.replace("await asyncio.sleep(seconds)", "print('stuck', flush=True); import time; time.sleep(seconds)")


def test_a_second_ctrl_c_leaves_at_once_even_from_a_stuck_loop(project: Path) -> None:
    (project / "stubborn.py").write_text(STUBBORN)
    process = start("run", "hanging.yaml", "--tools", "stubborn.py", "--sequential")
    wait_for(process, "stuck")
    process.send_signal(signal.SIGINT)
    wait_until_it_takes_signals_again()
    process.send_signal(signal.SIGINT)
    assert finish(process).code == 130


def wait_until_it_takes_signals_again() -> None:
    time.sleep(0.3)  # two signals at once are one


# A terminal


def on_a_terminal(*arguments: str, **more: str) -> tuple[int, str, str]:
    """Run with stderr on a terminal of 80 x 24; exit code, stdout, and what the terminal got."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ael", *arguments],
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
        env=environment(COLUMNS="80", LINES="24", **more),
    )
    os.close(slave)
    shown = "".join(read_terminal(master))
    done = finish(process)
    return done.code, done.out, shown


def read_terminal(master: int) -> Iterator[str]:
    while select.select([master], [], [], 50)[0]:
        try:
            yield os.read(master, 65536).decode(errors="replace")
        except OSError:  # the other end is closed
            break
    os.close(master)


def test_a_terminal_gets_the_tree_in_place(project: Path) -> None:
    code, out, shown = on_a_terminal("run", "hello", "--tools", "my_tools.py", "-i", "name=Ada")
    assert code == 0, shown
    assert json.loads(out)["count"] == 3
    clean = clean_text(shown)
    last = clean[clean.rindex("hello  ") :]
    assert "✓ completed  greet" in last
    assert "✓ completed  count" in last
    assert "− skipped    never" in last
    assert "\x1b[?25h" in shown
    assert "greeting Ada" in clean


@pytest.mark.parametrize("variable", [{"CI": "true"}, {"TERM": "dumb"}], ids=["CI", "dumb"])
def test_terminals_that_cannot_get_lines(variable: dict[str, str], project: Path) -> None:
    code, _, shown = on_a_terminal("run", "hello", "--tools", "my_tools.py", "-i", "name=Ada", **variable)
    assert code == 0
    assert "\x1b[?25l" not in shown
    assert "greet: completed" in shown


def test_no_color_is_respected(project: Path) -> None:
    _, _, shown = on_a_terminal("run", "failing.yaml", "--tools", "my_tools.py", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown)


# The other commands


def test_graph(command: Command) -> None:
    text = command("graph", "failing.yaml").out
    assert re.search(r"^  broken +flaky +after fine; up to 2 attempts$", text, re.MULTILINE)
    mermaid = command("graph", "failing.yaml", "--format", "mermaid").out
    assert mermaid.startswith("flowchart TD\n")
    assert "s0 --> s1" in mermaid
    assert '"fine" -> "broken";' in command("graph", "failing.yaml", "--format", "dot").out


def test_tools(command: Command) -> None:
    done = command("tools", "list", "--tools", "my_tools.py")
    assert re.search(r"^greet +Greet somebody\.$", done.out, re.MULTILINE)
    shown = json.loads(command("tools", "show", "greet", "--tools", "my_tools.py").out)
    assert shown["input_schema"]["properties"]["times"]["default"] == 1
    done = command("tools", "call", "greet", "--tools", "my_tools.py", "-i", "name=007", "--params", '{"times": 2}')
    assert json.loads(done.out) == {"text": "hello 007 hello 007 "}
    done = command("tools", "show", "gret", "--tools", "my_tools.py")
    assert (done.code, done.out) == (2, "")
    assert "did you mean greet?" in done.err
    done = command("tools", "call", "greet", "--tools", "my_tools.py", "-i", "nme=x")
    assert done.code == 2 if "INPUT" in done.err else done.code == 1
    assert "PARAM_INVALID" in done.err


def test_a_server_that_does_not_answer_is_named(command: Command, project: Path) -> None:
    (project / "mcp.json").write_text('{"mcpServers": {"gone": {"command": "no-such-program"}}}')
    done = command("tools", "list", "--mcp", "mcp.json", "--json")
    assert done.code == 0
    assert "http.request" in [tool["name"] for tool in json.loads(done.out)]
    assert "server 'gone' does not start: there is no program 'no-such-program'" in done.err
    done = command("doctor", "--mcp", "mcp.json", "--start")
    assert done.code == 1
    assert "no-such-program" in done.out


def test_schema_accepts_what_check_accepts(command: Command) -> None:
    schema = json.loads(command("schema").out)
    assert schema["type"] == "object"
    assert {"name", "steps", "inputs", "outputs"} <= schema["properties"].keys()


def test_init_writes_a_project_that_runs_and_overwrites_nothing(command: Command, project: Path) -> None:
    assert command("init", "new").code == 0
    assert (project / "new/workflows/hello.ael.yaml").read_text().startswith("# yaml-language-server: $schema=")
    assert "code:" not in (project / "new/workflows/hello.ael.yaml").read_text()  # it runs without any extra
    done = command("init", "new")
    assert done.code == 2
    assert "--force" in done.err
    (project / "new/ael.toml").write_text("workflows = []\n")
    assert command("init", "new", "--force").code == 0
    done = finish(start("run", "hello", "-i", "name=Ada", "-i", "excited=true", cwd=project / "new"))
    assert done.code == 0, done.err
    assert json.loads(done.out) == {"letter": "Hello, Ada!\nBonjour, Ada!"}
    done = finish(start("check", "workflows/hello.ael.yaml", cwd=project / "new"))
    assert done == (0, "", "no problems in 1 file\n")


def test_doctor_says_the_truth(command: Command, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = command("doctor")
    assert done.code == 0, done.out
    assert "nothing is wrong" in done.out
    (project / "ael.toml").write_text(
        'workflows = ["nowhere"]\n[secrets]\nAPI_KEY = "MY_KEY"\n[mcp_servers.git]\ncommand = "no-such-program"\n'
    )
    (project / ".mcp.json").write_text('{"mcpServers": {"time": {"command": "python"}}}')
    monkeypatch.setenv("AEL_SECRET_OTHER", "hush")
    done = command("doctor")
    assert done.code == 1
    for pattern in (
        r"BAD +configuration +there is no .*/nowhere, where workflows should be",
        r"BAD +secrets +API_KEY: MY_KEY is not set",
        r"BAD +servers +git: there is no program 'no-such-program'",
        r"note +servers +found .mcp.json, which nobody named",
        r"ok +secrets +OTHER: AEL_SECRET_OTHER is set",
        r"^3 things are wrong$",
    ):
        assert re.search(pattern, done.out, re.MULTILINE)
    assert "hush" not in done.out


def test_servers_nobody_named_are_mentioned_and_not_started(command: Command, project: Path) -> None:
    program = f"open({str(project / 'started')!r}, 'w')"
    servers = {"mcpServers": {"trap": {"command": sys.executable, "args": ["-c", program]}}}
    (project / ".mcp.json").write_text(json.dumps(servers))
    done = command("run", "hello", "--tools", "my_tools.py", "-i", "name=Ada")
    assert done.code == 0
    assert "use --mcp .mcp.json" in done.err or "--mcp .mcp.json" in done.err
    assert not (project / "started").exists()
