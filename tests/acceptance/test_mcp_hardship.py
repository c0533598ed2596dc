"""What a server, and those who call it, may do without anything hanging or being left behind."""

from __future__ import annotations

import asyncio

import pytest

from ael.errors import ParamInvalidError, ToolLostError, ToolUnavailableError
from ael.settings import Settings
from ael.tools.mcp import McpProvider
from tests.acceptance.mcp_calls import RAW, children, provided, python_server, until, value

pytest.importorskip("mcp")

SERVER = python_server(RAW)


async def echo(provider: McpProvider, text: str = "hi") -> str:
    """The tool's answer, which the server gives at once."""
    async with asyncio.timeout(20):
        answer: str = await value(provider, "echo", {"text": text})
        return answer


async def pass_loop(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


class TestMany:
    @pytest.mark.parametrize("at_once", [32, 1000])
    async def test_a_thousand_calls(self, at_once: int) -> None:
        async with provided(SERVER, Settings(server_concurrency=at_once)) as provider:
            answers = await asyncio.gather(*(echo(provider, f"n{number}") for number in range(1000)))
            assert answers == [f"n{number}" for number in range(1000)]
            assert len(children()) == 1

    async def test_two_engines_with_the_same_server_share_nothing(self) -> None:
        async with provided(SERVER) as first:
            assert await echo(first) == "hi"
            second = McpProvider(SERVER, Settings())
            assert await value(second, "deaf") == "deaf from now on"
            assert await echo(first) == "hi"
            assert len(children()) == 2
            await second.aclose()
            assert await echo(first) == "hi"
            assert len(children()) == 1


class TestCancelling:
    async def test_a_call_at_any_moment(self) -> None:
        async with provided(SERVER) as provider:
            await echo(provider)
            for passes in range(60):
                running = asyncio.create_task(echo(provider))
                await pass_loop(passes)
                running.cancel()
                async with asyncio.timeout(2):
                    await asyncio.wait([running])
                assert running.cancelled() or running.result() == "hi"
            assert await echo(provider) == "hi"
            assert len(children()) == 1

    @pytest.mark.parametrize("delay_s", [0.0, 0.01, 0.03, 0.06, 0.1, 0.2])
    async def test_closing_at_any_moment_of_the_start(self, delay_s: float) -> None:
        async with provided(SERVER) as provider:
            waiting = [asyncio.create_task(echo(provider)) for _ in range(3)]
            await asyncio.sleep(delay_s)
            async with asyncio.timeout(8):
                await provider.aclose()
                await asyncio.wait(waiting)
            for task in waiting:
                error = task.exception()
                assert error is None or isinstance(error, ToolUnavailableError | ToolLostError)

    @pytest.mark.parametrize("passes", [1, 3, 10, 30])
    async def test_the_closing_itself(self, passes: int) -> None:
        async with provided(SERVER) as provider:
            assert await value(provider, "deaf") == "deaf from now on"
            closing = asyncio.create_task(provider.aclose())
            await pass_loop(passes)
            closing.cancel()
            await asyncio.wait([closing])

    async def test_the_whole_loop_without_closing_anything(self) -> None:
        async def forget() -> None:
            assert await echo(McpProvider(SERVER, Settings())) == "hi"

        await asyncio.to_thread(asyncio.run, forget())
        await until(lambda: children() == set())


class TestPipes:
    @pytest.mark.parametrize("stream", ["stdout", "stderr"])
    async def test_a_server_that_never_stops_writing(self, stream: str) -> None:
        async with provided(SERVER) as provider:
            assert await value(provider, "floods", {"stream": stream}) == "flooding"
            assert [await echo(provider) for _ in range(20)] == ["hi"] * 20

    async def test_closing_while_the_server_reads_nothing(self) -> None:
        async with provided(SERVER) as provider:
            assert await value(provider, "deaf") == "deaf from now on"
            running = [asyncio.create_task(echo(provider, "x" * 300_000)) for _ in range(5)]
            await asyncio.sleep(0.1)
            async with asyncio.timeout(8):
                await provider.aclose()
                ended = await asyncio.gather(*running, return_exceptions=True)
            assert {type(error) for error in ended} == {ToolLostError}

    async def test_a_server_that_closes_its_stdin_is_begun_anew(self) -> None:
        async with provided(SERVER) as provider:
            assert await value(provider, "closes_its_stdin") == "closed"
            with pytest.raises(ToolLostError, match="it closed its stdin"):
                await echo(provider)
            assert await echo(provider) == "hi"

    async def test_text_that_cannot_be_sent_harms_no_other_call(self) -> None:
        async with provided(SERVER) as provider:
            with pytest.raises(ParamInvalidError, match="half a character"):
                await echo(provider, "\ud800")
            assert await echo(provider) == "hi"
