"""Real MCP servers in real processes: what becomes of a call when they work, fail, lie and die."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ael.errors import ParamInvalidError, ToolError, ToolLostError, ToolTimeoutError, ToolUnavailableError
from ael.mcp_server import McpServer
from ael.settings import Settings
from ael.tools.mcp import McpProvider
from tests.acceptance.mcp_calls import (
    ANSWERING,
    RAW,
    SETTINGS,
    alive,
    call,
    children,
    free_port,
    http_server,
    listens,
    provided,
    python_server,
    until,
    value,
)
from tests.needs import missing
from tests.node_servers import node_server

pytest.importorskip("mcp")


@pytest.fixture
async def answering() -> AsyncIterator[McpProvider]:
    async with provided(python_server(ANSWERING)) as provider:
        yield provider


class TestStdio:
    async def test_starts_with_the_first_call_and_lists_its_tools(self, answering: McpProvider) -> None:
        assert not answering.listed
        assert answering.specs() == ()
        assert children() == set()
        assert await value(answering, "add", {"a": 1, "b": 2}) == 3
        assert answering.listed
        specs = {spec.name: spec for spec in answering.specs()}
        assert specs["pid"].read_only is True
        assert specs["add"].idempotent is True
        assert specs["object"].destructive is True
        assert specs["echo"].read_only is specs["echo"].idempotent is specs["echo"].destructive is None
        assert specs["add"].full_name == "srv.add"
        assert specs["add"].input_schema["properties"] == {"a": {"type": "number"}, "b": {"type": "number"}}

    async def test_many_first_calls_wait_for_one_start(self, answering: McpProvider) -> None:
        pids = await asyncio.gather(*(value(answering, "pid") for _ in range(20)), return_exceptions=True)
        assert len(set(map(str, pids))) == 1
        assert len(children()) == 1

    async def test_maps_every_kind_of_result(self, answering: McpProvider) -> None:
        assert await value(answering, "object") == {"result": 1, "more": [None, True]}
        assert await value(answering, "echo", {"text": '{"a": 1}'}) == {"a": 1}
        assert await value(answering, "echo", {"text": '{"a": 1}'}, parse="text") == '{"a": 1}'
        assert await value(answering, "meta", idempotency_key="key-1") == "key-1"
        outcome = await answering.call("image", call())
        assert outcome.value["text"] == "a dot"
        assert outcome.value["content"][1] == {"type": "image", "data": "AAAA", "mimeType": "image/png"}
        assert outcome.content == outcome.value["content"]

    async def test_checks_params_before_it_sends(self, answering: McpProvider) -> None:
        with pytest.raises(ParamInvalidError):
            await value(answering, "add", {"a": "one", "b": 2})

    async def test_a_tool_nobody_offers_is_named_with_the_nearest(self, answering: McpProvider) -> None:
        with pytest.raises(ToolUnavailableError, match="offers no tool 'ad'") as caught:
            await value(answering, "ad")
        assert not caught.value.retryable
        assert caught.value.hint == "did you mean srv.add?"

    async def test_a_tool_that_says_it_failed(self, answering: McpProvider) -> None:
        with pytest.raises(ToolError, match=r"^the answer is no$") as caught:
            await value(answering, "refuse")
        assert (caught.value.code, caught.value.retryable) == ("TOOL_FAILED", True)

    async def test_a_tool_that_asks_a_person(self, answering: McpProvider) -> None:
        with pytest.raises(ToolError, match="not supported yet") as caught:
            await value(answering, "ask")
        assert not caught.value.retryable

    async def test_a_tool_that_raises(self, answering: McpProvider) -> None:
        with pytest.raises(ToolError, match=r"srv\.raise failed") as caught:
            await value(answering, "raise")
        assert caught.value.code == "TOOL_FAILED"
        assert await value(answering, "add", {"a": 1, "b": 2}) == 3

    @pytest.mark.parametrize("megabytes", [5, 20])
    async def test_too_large_a_result_fails_fast_and_alone(self, answering: McpProvider, megabytes: int) -> None:
        await answering.wait_listed()
        spent = ThreadTime()
        sibling = asyncio.create_task(value(answering, "wait", {"seconds": 0.2}))
        with spent, pytest.raises(ToolError, match=r"larger than 4 MiB") as caught:
            await value(answering, "big", {"bytes": megabytes * 1_000_000})
        assert not caught.value.retryable
        assert await sibling == "waited"
        assert spent.cpu_s < 4.0  # the quadratic reader needs eleven seconds

    async def test_a_result_below_the_limit_comes_whole(self, answering: McpProvider) -> None:
        assert len(await value(answering, "big", {"bytes": 4_000_000})) == 4_000_000

    async def test_cancelling_a_call_cancels_the_work(self, answering: McpProvider, tmp_path: Path) -> None:
        note = tmp_path / "note"
        running = asyncio.create_task(value(answering, "slow", {"note": str(note)}))
        await until(note.exists)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await until(lambda: note.read_text() == "cancelled")
        assert await value(answering, "add", {"a": 1, "b": 2}) == 3

    async def test_progress_reaches_the_sink(self, answering: McpProvider, tmp_path: Path) -> None:
        sink = RecordingSink()
        running = asyncio.create_task(value(answering, "slow", {"note": str(tmp_path / "note")}, sink=sink))
        await until(lambda: len(sink.seen) == 4)
        running.cancel()
        await asyncio.wait([running])
        assert sink.seen == [(0.25, "part 1"), (0.5, "part 2"), (0.75, "part 3"), (1.0, "part 4")]

    async def test_kill_in_the_middle_of_fifty_calls(self) -> None:
        async with provided(python_server(ANSWERING), Settings(server_concurrency=64)) as provider:
            pid = await value(provider, "pid")
            running = [asyncio.create_task(value(provider, "wait")) for _ in range(50)]
            await asyncio.sleep(0.1)
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(10):
                ended = await asyncio.gather(*running, return_exceptions=True)
            assert {type(error) for error in ended} == {ToolLostError}
            assert {error.code for error in ended} == {"TOOL_LOST"}  # type: ignore[union-attr]
            assert all("its process was killed by SIGKILL; it said: answering starts" in str(error) for error in ended)
            assert await value(provider, "pid") != pid

    async def test_death_between_calls_is_noticed_before_the_next(self, answering: McpProvider) -> None:
        pid = await value(answering, "pid")
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())
        await asyncio.sleep(0.2)
        assert await value(answering, "pid") != pid

    async def test_a_tool_that_ends_its_server(self, answering: McpProvider) -> None:
        with pytest.raises(ToolLostError) as caught:
            await value(answering, "die")
        assert caught.value.message == (
            "the connection to MCP server 'srv' broke while srv.die ran: its process ended with exit code 3; "
            "it said: goodbye, cruel world"
        )
        assert caught.value.details["stderr"] == ["answering starts", "goodbye, cruel world"]
        assert caught.value.details["exit_code"] == 3
        assert await value(answering, "add", {"a": 1, "b": 2}) == 3

    async def test_the_servers_own_timeout_bounds_a_call(self) -> None:
        async with provided(python_server(ANSWERING, timeout_s=0.3)) as provider:
            await provider.wait_listed()
            with pytest.raises(ToolTimeoutError, match=r"longer than the 0\.3 s"):
                await value(provider, "wait")

    async def test_no_more_calls_at_once_than_the_setting_says(self, tmp_path: Path) -> None:
        async with provided(python_server(ANSWERING), Settings(server_concurrency=2)) as provider:
            notes = [tmp_path / str(number) for number in range(3)]
            running = [asyncio.create_task(value(provider, "slow", {"note": str(note)})) for note in notes]
            await until(lambda: notes[0].exists() and notes[1].exists())
            assert not notes[2].exists()
            running[2].cancel()  # still queued: ends at once, without having been sent
            await asyncio.wait([running[2]])
            running[0].cancel()
            await asyncio.wait([running[0]])
            assert not notes[2].exists()
            running[1].cancel()
            await asyncio.wait([running[1]])

    async def test_closing_with_calls_under_way_ends_them(self) -> None:
        async with provided(python_server(ANSWERING)) as provider:
            await provider.wait_listed()
            running = asyncio.create_task(value(provider, "wait"))
            await asyncio.sleep(0.05)
            await provider.aclose()
            with pytest.raises(ToolLostError):
                await running
            with pytest.raises(ToolUnavailableError, match="was stopped"):
                await value(provider, "pid")

    async def test_sees_a_small_environment_and_what_is_named(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("AEL_TEST_PRIVATE", "1")
        monkeypatch.setenv("AEL_TEST_SHARED", "1")
        server = python_server(ANSWERING, env={"AEL_TEST_OWN": "1"}, cwd=str(tmp_path))
        async with provided(server, Settings(inherit_environment=("AEL_TEST_SHARED",))) as provider:
            seen = await value(provider, "environment")
        assert {name for name in seen["names"] if name.startswith("AEL_TEST")} == {"AEL_TEST_OWN", "AEL_TEST_SHARED"}
        assert Path(seen["cwd"]).samefile(tmp_path)


@pytest.fixture
async def raw() -> AsyncIterator[McpProvider]:
    async with provided(python_server(RAW)) as provider:
        yield provider


class TestBrokenWire:
    async def test_reads_every_page_of_tools_once(self, raw: McpProvider) -> None:
        await raw.wait_listed()
        names = [spec.name for spec in raw.specs()]
        assert len(names) == len(set(names)) > 6

    @pytest.mark.parametrize("line", ['{"jsonrpc":"2.0","id":', '{"jsonrpc":"2.0","id":[1],"result":{}}'])
    async def test_a_broken_answer_ends_the_connection(self, raw: McpProvider, line: str) -> None:
        with pytest.raises(ToolLostError):
            await value(raw, "say", {"line": line})
        assert await value(raw, "echo", {"text": "back"}) == "back"

    @pytest.mark.parametrize(
        ("how", "told"),
        [
            ("closes its stdout", "it closed its stdout; it said: tired"),
            ("has a child that holds its stdout", "its process ended with exit code 9; it said: tired"),
        ],
    )
    async def test_an_end_that_no_pipe_or_no_process_tells(self, tmp_path: Path, how: str, told: str) -> None:
        async with provided(python_server(RAW)) as provider:
            with pytest.raises(ToolLostError) as caught:
                async with asyncio.timeout(10):
                    await value(provider, how.replace(" ", "_"))
            assert told in caught.value.message
            assert await value(provider, "echo", {"text": "back"}) == "back"

    @pytest.mark.parametrize("line", ["loading model ...", '{"level": "info"}', "", "\u00e9\u0000"])
    async def test_noise_on_stdout_is_passed_over(self, raw: McpProvider, line: str) -> None:
        assert await value(raw, "say_and_answer", {"line": line}) == "answer"

    async def test_too_large_a_result_is_told_apart_by_its_end(self, raw: McpProvider) -> None:
        with pytest.raises(ToolError, match="larger than 4 MiB"):
            await value(raw, "late_id", {"bytes": 20_000_000})
        assert await value(raw, "echo", {"text": "still here"}) == "still here"

    async def test_too_large_a_result_that_cannot_be_told_apart_ends_the_connection(self, raw: McpProvider) -> None:
        with pytest.raises(ToolLostError):
            await value(raw, "hidden_id", {"bytes": 10_000_000})

    async def test_too_large_a_notification_is_dropped(self, raw: McpProvider) -> None:
        assert await value(raw, "big_notification", {"bytes": 20_000_000}) == "after"

    async def test_cancelling_does_not_wait_for_a_server_that_reads_nothing(self, raw: McpProvider) -> None:
        assert await value(raw, "deaf") == "deaf from now on"
        running = [asyncio.create_task(value(raw, "echo", {"text": "x" * 300_000})) for _ in range(5)]
        await asyncio.sleep(0.2)
        for task in running:
            task.cancel()
        async with asyncio.timeout(2):
            await asyncio.wait(running)

    @pytest.mark.parametrize(
        ("tool", "message", "retryable"),
        [
            ("bad_params", "srv.bad_params refused the call: no such city", False),
            ("busy", "srv.busy failed: too busy", True),
            ("no_result", "srv.no_result answered with something that is no tool result", False),
        ],
    )
    async def test_refusals(self, raw: McpProvider, tool: str, message: str, retryable: bool) -> None:
        with pytest.raises(ToolError) as caught:
            await value(raw, tool)
        assert (caught.value.code, caught.value.message) == ("TOOL_FAILED", message)
        assert caught.value.retryable is retryable
        assert await value(raw, "echo", {"text": "still here"}) == "still here"

    async def test_the_terminal_stays_clean(self, capfd: pytest.CaptureFixture[str]) -> None:
        async with provided(python_server(ANSWERING)) as provider:
            with pytest.raises(ToolLostError):
                await value(provider, "die")
        async with provided(python_server(RAW)) as provider:
            with pytest.raises(ToolLostError):
                await value(provider, "say", {"line": '{"jsonrpc":'})
        assert capfd.readouterr() == ("", "")


class TestStarts:
    async def failure(self, server: McpServer, settings: Settings = SETTINGS) -> ToolUnavailableError:
        async with provided(server, settings) as provider:
            with pytest.raises(ToolUnavailableError) as caught:
                await provider.wait_listed()
            assert caught.value.code == "TOOL_UNAVAILABLE"
            return caught.value

    async def test_a_command_that_does_not_exist(self) -> None:
        error = await self.failure(McpServer(name="srv", command="no-such-program", source="x.json"))
        assert error.message.startswith(
            "MCP server 'srv' does not start: there is no program 'no-such-program' on PATH or"
        )
        assert error.hint == "install it, or correct `command` of 'srv' in x.json"
        assert not error.retryable

    async def test_a_command_is_found_beside_the_interpreter(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        program = tmp_path / "raw-server"
        program.write_text(f"#!{sys.executable}\nimport runpy; runpy.run_path({RAW!r}, run_name='__main__')")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        async with provided(McpServer(name="srv", command="raw-server")) as provider:
            assert await value(provider, "echo", {"text": "hi"}) == "hi"
        error = await self.failure(McpServer(name="srv", command="raw-server", env={"PATH": "/nowhere"}))
        assert "there is no program 'raw-server' on the PATH of its `env`" in error.message

    async def test_a_directory_that_does_not_exist(self) -> None:
        error = await self.failure(python_server(ANSWERING, cwd="/no/such/place"))
        assert "its directory '/no/such/place'" in error.message

    async def test_one_that_exits_at_once_is_quoted(self) -> None:
        code = "import sys; print('first', file=sys.stderr); print('no config', file=sys.stderr); sys.exit(7)"
        error = await self.failure(python_server("-c", code))
        assert error.message == (
            "MCP server 'srv' does not start: its process ended with exit code 7 before it said hello; "
            "it said: no config"
        )
        assert error.details["stderr"] == ["first", "no config"]
        assert error.details["exit_code"] == 7
        assert error.retryable

    @pytest.mark.parametrize("turn", range(5))
    async def test_its_own_words_win_over_those_about_its_pipes(self, turn: int) -> None:
        """It ends after our first request is on its way or while it is: writing to it may fail."""
        code = f"import os, sys, time; sys.stdin.close() or os.close(0); time.sleep({turn} / 100)"
        error = await self.failure(python_server("-c", f"{code}; sys.exit('no config')"))
        assert error.message.endswith(
            "does not start: its process ended with exit code 1 before it said hello; it said: no config"
        )
        assert error.details["stderr"] == ["no config"]

    async def test_one_that_ends_because_we_gave_up_did_not_end_by_itself(self) -> None:
        error = await self.failure(python_server("-c", "import sys; sys.stdin.read()"), Settings(connect_timeout=0.5))
        assert error.message == "MCP server 'srv' does not start: it said no hello within 0.5 s"

    async def test_one_that_hangs_is_killed(self) -> None:
        code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        error = await self.failure(python_server("-c", code, "mcp"), Settings(connect_timeout=0.5))
        assert "it said no hello within 0.5 s" in error.message

    async def test_one_that_talks_something_else(self) -> None:
        code = "import time\nwhile True: print('{} not json-rpc', flush=True); time.sleep(0.05)"
        error = await self.failure(python_server("-c", code), Settings(connect_timeout=0.5))
        assert "it said no hello within 0.5 s; it said: {} not json-rpc" in error.message

    async def test_the_next_start_is_tried_when_somebody_asks(self, tmp_path: Path) -> None:
        flag = tmp_path / "ready"
        code = f"import os, runpy, sys\nif not os.path.exists({str(flag)!r}): sys.exit(1)\n"
        code += f"runpy.run_path({ANSWERING!r}, run_name='__main__')"
        async with provided(python_server("-c", code)) as provider:
            with pytest.raises(ToolUnavailableError):
                await value(provider, "pid")
            flag.touch()
            assert await value(provider, "add", {"a": 1, "b": 2}) == 3

    async def test_closing_while_it_starts(self) -> None:
        async with provided(python_server("-c", "import time; time.sleep(600)", "mcp")) as provider:
            waiting = asyncio.create_task(provider.wait_listed())
            await asyncio.sleep(0.3)
            await provider.aclose()
            with pytest.raises(ToolUnavailableError, match="was stopped"):
                await waiting

    async def test_cancelling_who_waits_leaves_the_start_alone(self, answering: McpProvider) -> None:
        impatient = asyncio.create_task(value(answering, "pid"))
        await asyncio.sleep(0.05)
        impatient.cancel()
        await asyncio.wait([impatient])
        assert await value(answering, "add", {"a": 1, "b": 2}) == 3
        assert len(children()) == 1

    async def test_what_the_server_started_ends_with_it(self, tmp_path: Path) -> None:
        note = tmp_path / "grandchild"
        code = (
            "import subprocess, sys, runpy\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            f"open({str(note)!r}, 'w').write(str(child.pid))\n"
            f"runpy.run_path({ANSWERING!r}, run_name='__main__')"
        )
        async with provided(python_server("-c", code)) as provider:
            await provider.wait_listed()
            grandchild = int(note.read_text())
            assert alive(grandchild)
        await until(lambda: not alive(grandchild))


class TestHttp:
    async def test_calls_cancels_and_limits(self, tmp_path: Path) -> None:
        with http_server() as url:
            async with provided(McpServer(name="srv", url=url)) as provider:
                assert await value(provider, "add", {"a": 1, "b": 2}) == 3
                assert len(await value(provider, "big", {"bytes": 4_000_000})) == 4_000_000
                sibling = asyncio.create_task(value(provider, "wait", {"seconds": 0.3}))
                with pytest.raises(ToolError, match="larger than 4 MiB") as caught:
                    await value(provider, "big", {"bytes": 20_000_000})
                assert not caught.value.retryable
                assert await sibling == "waited"
                note = tmp_path / "note"
                running = asyncio.create_task(value(provider, "slow", {"note": str(note)}))
                await until(note.exists)
                running.cancel()
                await asyncio.wait([running])
                await until(lambda: note.read_text() == "cancelled")

    async def test_many_calls_at_once(self) -> None:
        with http_server() as url:
            async with provided(McpServer(name="srv", url=url), Settings(server_concurrency=150)) as provider:
                sums = await asyncio.gather(*(value(provider, "add", {"a": n, "b": 1}) for n in range(150)))
                assert sums == [n + 1 for n in range(150)]

    async def test_killed_and_restarted(self) -> None:
        port = free_port()
        async with provided(McpServer(name="srv", url=f"http://127.0.0.1:{port}/mcp")) as provider:
            with http_server(port) as _:
                pid = await value(provider, "pid")
                running = [asyncio.create_task(value(provider, "wait")) for _ in range(20)]
                await asyncio.sleep(0.3)
                os.kill(pid, signal.SIGKILL)
                async with asyncio.timeout(10):
                    ended = await asyncio.gather(*running, return_exceptions=True)
                assert {type(error) for error in ended} == {ToolLostError}
                with pytest.raises(ToolUnavailableError, match="cannot be reached") as caught:
                    await value(provider, "pid")
                assert caught.value.retryable
            with http_server(port) as _:
                assert await value(provider, "add", {"a": 1, "b": 2}) == 3

    async def test_nobody_listens(self) -> None:
        url = f"http://127.0.0.1:{free_port()}/mcp"
        async with provided(McpServer(name="srv", url=url)) as provider:
            with pytest.raises(ToolUnavailableError, match="cannot be reached") as caught:
                await provider.wait_listed()
            assert caught.value.retryable
            assert url in caught.value.message

    async def test_something_else_listens(self) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            provider = McpProvider(McpServer(name="srv", url=f"http://127.0.0.1:{port}/mcp"), SETTINGS)
            with pytest.raises(ToolUnavailableError, match="HTTP 403 Forbidden"):
                await provider.wait_listed()
            await provider.aclose()


class TestRealServers:
    @pytest.mark.timeout(320)  # npm may have to install them first
    async def test_git(self, tmp_path: Path) -> None:
        pytest.importorskip("mcp_server_git")
        if shutil.which("git") is None:
            missing("git is not installed")
        subprocess.run(["git", "init", "-q", "-b", "trunk", str(tmp_path)], check=True)
        async with provided(python_server("-m", "mcp_server_git")) as provider:
            status = await value(provider, "git_status", {"repo_path": str(tmp_path)})
            assert "On branch trunk" in status
            assert {spec.name: spec for spec in provider.specs()}["git_status"].read_only is True

    async def test_time(self) -> None:
        pytest.importorskip("mcp_server_time")
        async with provided(python_server("-m", "mcp_server_time", "--local-timezone", "UTC")) as provider:
            now = await value(provider, "get_current_time", {"timezone": "UTC"})
            assert now["timezone"] == "UTC"

    async def test_filesystem(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("hello")
        async with provided(npm_server("filesystem", str(tmp_path))) as provider:
            text = await value(provider, "read_text_file", {"path": str(tmp_path / "a.txt")})
            assert "hello" in str(text)

    async def test_memory(self, tmp_path: Path) -> None:
        server = npm_server("memory", env={"MEMORY_FILE_PATH": str(tmp_path / "memory.json")})
        async with provided(server) as provider:
            entity = {"name": "ael", "entityType": "engine", "observations": ["runs plans"]}
            await value(provider, "create_entities", {"entities": [entity]})
            graph = await value(provider, "read_graph")
            assert [found["name"] for found in graph["entities"]] == ["ael"]

    async def test_everything(self) -> None:
        async with provided(npm_server("everything", "stdio")) as provider:
            assert await value(provider, "echo", {"message": "hi"}) == "Echo: hi"
            sink = RecordingSink()
            done = await value(provider, "trigger-long-running-operation", {"duration": 1, "steps": 2}, sink=sink)
            assert "completed" in done
            assert sink.seen[-1][0] == 1.0
            picture = await value(provider, "get-tiny-image")
            assert any(block["type"] == "image" for block in picture["content"])

    async def test_a_session_the_server_forgot_is_begun_anew(self) -> None:
        port = free_port()
        server = npm_server("everything", "streamableHttp")
        provider = McpProvider(McpServer(name="srv", url=f"http://127.0.0.1:{port}/mcp"), SETTINGS)
        for _ in range(2):
            process = subprocess.Popen(
                [server.command or "", *server.args],
                env={**os.environ, "PORT": str(port)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                await until(lambda: listens(port))
                assert await value(provider, "echo", {"message": "hi"}) == "Echo: hi"
            finally:
                process.kill()
                process.wait()
        await provider.aclose()


def npm_server(name: str, *args: str, env: dict[str, str] | None = None) -> McpServer:
    command, *first = node_server(name)
    return McpServer(name="srv", command=command, args=(*first, *args), env=env or {})


class RecordingSink:
    def __init__(self) -> None:
        self.seen: list[tuple[float | None, str | None]] = []

    def log(self, level: str, message: str, fields: Any) -> None: ...

    def progress(self, fraction: float | None, message: str | None) -> None:
        self.seen.append((fraction, message))

    def tool_called(self, tool: str, server: str | None) -> None: ...

    def tool_returned(self, tool: str, server: str | None, ok: bool, duration_s: float) -> None: ...


class ThreadTime:
    """How much processor time this thread, which is the loop's, used meanwhile."""

    cpu_s = 0.0

    def __enter__(self) -> None:
        assert threading.current_thread() is threading.main_thread()
        self._began = time.thread_time()

    def __exit__(self, *_: object) -> None:
        self.cpu_s = time.thread_time() - self._began
