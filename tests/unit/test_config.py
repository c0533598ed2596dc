"""ael.toml and the files of MCP servers: what they mean, and everything wrong with them at once."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ael.config import Config, discover_mcp_files, load_config, load_mcp_servers, parse_config
from ael.config.expand import Expansion, ExpansionError
from ael.definition import PoolDefinition
from ael.errors import ConfigInvalidError
from ael.mcp_server import McpServer
from ael.settings import Settings
from ael.types import JsonValue

WHOLE = """
workflows = ["flows", "one.ael.yaml"]
tools = ["my_tools"]
mcp = "servers.json"

[settings]
max_parallel = 8
default_timeout = "1m30s"
connect_timeout = 5
allow_shell = true
executors = ["safe"]

[secrets]
github = "GITHUB_TOKEN"

[limits]
search = 2

[limits.openai]
concurrency = 4
rate = "60/m"

[limits.mail]
rate = "100/d"

[mcp_servers.git]
command = "mcp-server-git"
args = ["--repository", "${workspaceFolder}"]
timeout = 60000
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def problems(caught: pytest.ExceptionInfo[ConfigInvalidError], file: str = "config") -> list[str]:
    found: list[str] = [problem.removeprefix(f"{file}: ") for problem in caught.value.details["problems"]]
    return found


class TestProject:
    def test_the_whole_file(self, tmp_path: Path) -> None:
        write(tmp_path, "servers.json", '{"mcpServers": {"web": {"url": "http://x/mcp"}}}')
        config = load_config(write(tmp_path, "ael.toml", WHOLE))
        assert config.workflows == (str(tmp_path / "flows"), str(tmp_path / "one.ael.yaml"))
        assert config.tools == ("my_tools",)
        assert config.settings == Settings(
            max_parallel=8,
            default_timeout=90.0,
            connect_timeout=5.0,
            allow_shell=True,
            secrets={"github": "GITHUB_TOKEN"},
            limits={
                "search": PoolDefinition("search", 2),
                "openai": PoolDefinition("openai", 4, (60, 60.0)),
                "mail": PoolDefinition("mail", None, (100, 86400.0)),
            },
        )
        git, web = config.mcp_servers
        assert (git.command, git.args, git.timeout_s) == ("mcp-server-git", ("--repository", str(tmp_path)), 60.0)
        assert (web.url, web.source) == ("http://x/mcp", str(tmp_path / "servers.json"))
        assert git.consented
        assert web.consented

    def test_found_in_the_folder(self, tmp_path: Path) -> None:
        assert load_config(cwd=tmp_path) == Config()
        write(tmp_path, "pyproject.toml", "[project]\nname = 'x'\n")
        assert load_config(cwd=tmp_path) == Config()
        pyproject = write(tmp_path, "pyproject.toml", "[tool.ael]\ntools = ['a']\n")
        assert load_config(cwd=tmp_path) == Config(tools=("a",), source=pyproject)
        ael = write(tmp_path, "ael.toml", "tools = ['b']\n")
        assert load_config(cwd=tmp_path) == Config(tools=("b",), source=ael)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (None, r"cannot read .*ael\.toml: No such file"),
            ("a = 1 2", r"ael\.toml is no TOML: .*line 1"),
        ],
    )
    def test_unreadable(self, tmp_path: Path, text: str | None, message: str) -> None:
        if text is not None:
            write(tmp_path, "ael.toml", text)
        with pytest.raises(ConfigInvalidError, match=message):
            load_config(tmp_path / "ael.toml")

    def test_a_named_pyproject_must_have_the_table(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigInvalidError, match=r"has no table \[tool\.ael\]"):
            load_config(write(tmp_path, "pyproject.toml", ""))

    @pytest.mark.parametrize(
        ("document", "problem"),
        [
            ({"workflow": []}, "workflow: unknown key; did you mean 'workflows'?"),
            ({"xyzzy": 1}, "xyzzy: unknown key"),
            ({"journal": "x.db"}, "journal: not supported yet"),
            ({"limits": 3}, "limits: expected a table, got 3"),
            ({"limits": {"p": "60/m"}}, "limits.p: expected a table with `concurrency`, `rate` or both, got '60/m'"),
            ({"limits": {"p": {}}}, "limits.p: needs `concurrency`, `rate` or both"),
            ({"limits": {"p": 0}}, "limits.p.concurrency: expected a whole number from 1, got 0"),
            ({"limits": {"p": True}}, "limits.p: expected a table with `concurrency`, `rate` or both, got True"),
            (
                {"limits": {"p": {"concurrency": "4"}}},
                "limits.p.concurrency: expected a whole number from 1, got '4'",
            ),
            (
                {"limits": {"p": {"rate": 60}}},
                'limits.p.rate: expected a number from 1 per d, h, m, s or ms, such as "60/m", got 60',
            ),
            ({"limits": {"p": {"rat": "1/s"}}}, "limits.p.rat: unknown key; did you mean 'rate'?"),
            ({"settings": {"limits": {"p": 1}}}, "settings.limits: write a table [limits.NAME] for each pool"),
            ({"workflows": "flows"}, "workflows: expected a list of text, got 'flows'"),
            ({"settings": 3}, "settings: expected a table, got 3"),
            (
                {"settings": {"max_paralel": 3}},
                "settings.max_paralel: unknown key; did you mean 'max_parallel'?",
            ),
            ({"settings": {"threads": "40"}}, "settings.threads: expected a whole number from 1, got '40'"),
            ({"settings": {"threads": True}}, "settings.threads: expected a whole number from 1, got True"),
            ({"settings": {"threads": 0}}, "settings.threads: expected a whole number from 1, got 0"),
            ({"settings": {"allow_shell": 1}}, "settings.allow_shell: expected true or false, got 1"),
            ({"settings": {"connect_timeout": 0}}, "settings: connect_timeout must be above 0"),
            (
                {"settings": {"connect_timeout": "soon"}},
                "settings.connect_timeout: expected seconds, or a duration such as \"1m30s\", got 'soon'",
            ),
            ({"secrets": {"a": 1}}, "secrets: expected a table of text, got {'a': 1}"),
            ({"mcp": 1}, "mcp: expected text, got 1"),
            ({"mcp_servers": {"a": {"comand": "x"}}}, "server 'a', comand: unknown key; did you mean 'command'?"),
            ({"mcp": "none.json"}, "cannot read the MCP servers in"),
        ],
        ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
    )
    def test_each_problem_by_its_key(self, document: dict[str, JsonValue], problem: str) -> None:
        with pytest.raises(ConfigInvalidError) as caught:
            parse_config(document)
        assert any(found.startswith(problem) for found in problems(caught)), problems(caught)

    def test_all_problems_together(self) -> None:
        with pytest.raises(ConfigInvalidError) as caught:
            parse_config({"tool": [], "settings": {"threads": 0, "cancel_grace": -1}})
        assert len(problems(caught)) == 3
        assert caught.value.message.startswith("config has 3 problems:")

    def test_a_server_named_twice(self, tmp_path: Path) -> None:
        write(tmp_path, "s.json", '{"mcpServers": {"git": {"command": "x"}}}')
        text = "mcp = 's.json'\n[mcp_servers.git]\ncommand = 'y'\n"
        with pytest.raises(ConfigInvalidError, match="server 'git' is also in"):
            load_config(write(tmp_path, "ael.toml", text))

    def test_tool_modules_are_found_beside_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", list(sys.path))
        write(tmp_path, "tools_beside.py", "mark = 7\n")
        (module,) = load_config(write(tmp_path, "ael.toml", "tools = ['tools_beside']")).tool_modules()
        assert module.mark == 7

    @pytest.mark.parametrize(
        ("text", "message"),
        [(None, "cannot import the tools in 'broken_x'"), ("1 / 0", "fail when imported: ZeroDivisionError")],
    )
    def test_tool_modules_that_fail(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, message: str
    ) -> None:
        monkeypatch.setattr(sys, "path", list(sys.path))
        if text is not None:
            write(tmp_path, "broken_x.py", text)
        with pytest.raises(ConfigInvalidError, match=message):
            load_config(write(tmp_path, "ael.toml", "tools = ['broken_x']")).tool_modules()


VSCODE = """\ufeff{
  // the servers of this workspace: see "docs // here"
  "inputs": [],
  "servers": {
    "fs": {
      "type": "stdio", "command": "npx", /* a
      comment */ "args": ["-y", "server // not a comment", "${workspaceFolder}",],
      "env": {"TOKEN": "${env:TOKEN}", "PORT": 8080},
    },
  },
}
"""


class TestMcpFiles:
    def test_vs_code_is_read_unchanged(self, tmp_path: Path) -> None:
        path = write(tmp_path, ".vscode/mcp.json", VSCODE)
        file = load_mcp_servers(path, environ={"TOKEN": "t"})
        assert file.servers == (
            McpServer(
                name="fs",
                command="npx",
                args=("-y", "server // not a comment", str(tmp_path)),
                env={"TOKEN": "t", "PORT": "8080"},
                source=str(path),
            ),
        )
        assert file.notes == (f"{path}: key 'inputs' is not used",)

    def test_mcp_servers_with_what_others_add(self) -> None:
        document = {
            "mcpServers": {
                "web": {
                    "type": "http",
                    "url": "https://${HOST:-localhost}/mcp",
                    "headers": {"Authorization": "Bearer ${KEY}"},
                    "timeout": 1500,
                    "autoApprove": [],
                },
                "off": {"command": "${NOT_SET}", "disabled": True},
                "old": {"type": "sse", "url": "http://x/sse"},
            }
        }
        file = load_mcp_servers(document, environ={"KEY": "k"}, consented=False)
        web, off = file.servers
        assert (web.url, web.headers, web.timeout_s) == ("https://localhost/mcp", {"Authorization": "Bearer k"}, 1.5)
        assert (web.disabled, web.consented) == (False, False)
        assert (off.command, off.disabled) == ("${NOT_SET}", True)
        assert file.notes == (
            "mcp_servers: server 'web': key 'autoApprove' is not used",
            "mcp_servers: server 'old' speaks the old SSE transport, which ael does not; left out",
        )

    def test_secrets_of_a_server_are_not_in_its_repr(self) -> None:
        entry = {"url": "http://x/", "headers": {"A": "secret-1"}, "env": {"B": "secret-2"}}
        (server,) = load_mcp_servers({"mcpServers": {"x": entry}}).servers
        assert "secret" not in repr(server)

    def test_cwd_is_relative_to_the_file(self, tmp_path: Path) -> None:
        path = write(tmp_path, ".mcp.json", json.dumps({"mcpServers": {"a": {"command": "x", "cwd": "sub"}}}))
        assert load_mcp_servers(path).servers[0].cwd == str(tmp_path / "sub")

    @pytest.mark.parametrize(
        ("entry", "problem"),
        [
            ({}, "server 'a': needs `command` or `url`"),
            ({"comand": "x"}, "server 'a': needs `command` or `url` (it has 'comand')"),
            ({"command": "x", "url": "http://x"}, "server 'a': has both `command` and `url`; keep one"),
            ({"command": 3}, "server 'a', command: expected text, got a number"),
            ({"command": ""}, "server 'a', command: expected text, got empty text"),
            ({"command": "x", "args": "y"}, "server 'a', args: expected a list of text, got text"),
            ({"command": "x", "args": 5}, "server 'a', args: expected a list of text, got a number"),
            ({"command": "x", "args": [[]]}, "server 'a', args[0]: expected text, got a list"),
            ({"command": "x", "env": []}, None),
            ({"command": "x", "env": ["A=1"]}, "server 'a', env: expected a table of text, got a list"),
            ({"command": "x", "env": {"A": True}}, "server 'a', env.A: expected text, got a boolean"),
            ({"command": "x", "timeout": 0}, "server 'a', timeout: expected milliseconds above 0, got 0"),
            ({"command": "x", "disabled": "no"}, "server 'a', disabled: expected true or false, got text"),
            ({"command": "x", "type": "pipe"}, "server 'a', type: 'pipe' is no transport; there are stdio and http"),
            ({"url": "ftp://x"}, "server 'a', url: expected a URL that starts with http:// or https://"),
            ("x", "server 'a': expected a table with `command` or `url`, got text"),
            (
                {"command": "x", "env": {"T": "${TOKEN}"}},
                "server 'a', env.T: ${TOKEN}: the environment variable TOKEN is not set",
            ),
            (
                {"command": "x", "args": ["${input:key}"]},
                "server 'a', args[0]: ${input:key} asks the editor, and ael is none; use ${env:NAME} and set NAME",
            ),
        ],
        ids=str,
    )
    def test_problems_name_file_server_and_field(self, entry: JsonValue, problem: str | None) -> None:
        if problem is None:
            assert load_mcp_servers({"mcpServers": {"a": entry}}, environ={}).servers
            return
        with pytest.raises(ConfigInvalidError) as caught:
            load_mcp_servers({"mcpServers": {"a": entry}}, environ={})
        assert problem in problems(caught, "mcp_servers")

    @pytest.mark.parametrize("name", ["http", "shell", "a.b", ""])
    def test_names_a_server_cannot_have(self, name: str) -> None:
        with pytest.raises(ConfigInvalidError, match="a server cannot be called that"):
            load_mcp_servers({"mcpServers": {name: {"command": "x"}}})

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "is no JSON: line 1"),
            ("[]", "holds no JSON object"),
            ("{}", "has neither `mcpServers` nor `servers`"),
            ('{"servers": []}', "`servers` is no object"),
            ('{\n// one\n"servers" {}}', "is no JSON: line 3"),
        ],
    )
    def test_files_that_are_none(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(ConfigInvalidError, match=message):
            load_mcp_servers(write(tmp_path, "m.json", text))

    def test_discovery_only_looks(self, tmp_path: Path) -> None:
        assert list(discover_mcp_files(tmp_path)) == []
        first = write(tmp_path, ".mcp.json", "broken")
        second = write(tmp_path, ".vscode/mcp.json", "{}")
        assert list(discover_mcp_files(tmp_path)) == [first, second]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain $VAR $$ {x}", "plain $VAR $$ {x}"),
        ("${SET}-${env:SET}", "value-value"),
        ("${SET:-x}", "value"),
        ("${UNSET:-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY}", ""),
        ("${UNSET:-}", ""),
        ("${env:UNSET:-http://h:1/}", "http://h:1/"),
        ("${workspaceFolder}/a", f"{Path('/w')}/a"),
        ("${#array[@]} ${1}", "${#array[@]} ${1}"),
        ("${NESTED}", "${SET}"),
    ],
)
def test_expansion(text: str, value: str) -> None:
    environ = {"SET": "value", "EMPTY": "", "NESTED": "${SET}"}
    assert Expansion(environ, Path("/w")).text(text) == value


@pytest.mark.parametrize("text", ["${UNSET}", "${env:UNSET}", "${input:x}", "${command:x}"])
def test_expansion_that_has_no_value(text: str) -> None:
    with pytest.raises(ExpansionError):
        Expansion({}, Path("/w")).text(text)


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ({"command": "run", "args": ["--token", "${TOKEN}", 1]}, "run --token ${TOKEN} 1"),
        ({"command": "run", "args": ["--port", "80"]}, "run --port 80"),
        ({"url": "https://${TOKEN}@host/mcp?key=${TOKEN}"}, "https://host/mcp"),
        ({"url": "https://me:word@host/mcp?key=word"}, "https://host/mcp"),
    ],
    ids=["args", "no-variables", "variables-in-url", "secrets-in-url"],
)
def test_what_is_shown_of_a_server_holds_no_value_of_a_variable(entry: dict[str, JsonValue], shown: str) -> None:
    (server,) = load_mcp_servers({"mcpServers": {"srv": entry}}, environ={"TOKEN": "hunter2"}).servers
    assert server.shown == shown
    assert "hunter2" not in repr(server)
    assert "word" not in repr(server)
