"""One MCP server as a source of tools."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from ael.clock import SystemClock
from ael.errors import ToolError, ToolLostError, ToolTimeoutError, ToolUnavailableError
from ael.mcp_server import McpServer
from ael.ports import CallSink, Clock, ToolCall, ToolMiss, ToolOutcome, ToolSpec
from ael.settings import Settings
from ael.tools.mcp.link import Link, Live
from ael.tools.mcp.results import outcome_of
from ael.tools.mcp.session import CallResult, Connect, Progress, SessionGoneError, wait_imported
from ael.tools.schemas import check_params, params_error
from ael.types import JsonValue

__all__ = ["IDEMPOTENCY_META", "McpProvider"]

IDEMPOTENCY_META = "ael/idempotency_key"
"""Where a server finds the step's idempotency key: in ``_meta`` of the call."""


class McpProvider:
    """Implements :class:`ael.tools.provider.ToolProvider` for one server, which starts when first needed.

    At most ``Settings.server_concurrency`` calls are under way at once; further ones wait, and can be cancelled.
    The list of tools is that of the last connection.

    Args:
        server: How to reach it; its name is the one workflows use.
        settings: Concurrency, size of results, time to connect, inherited environment.
        clock: For the pauses between attempts to connect.
        imported: For tests: gives what connects.
    """

    def __init__(
        self,
        server: McpServer,
        settings: Settings,
        clock: Clock | None = None,
        *,
        imported: Callable[[], Awaitable[Connect]] = wait_imported,
    ) -> None:
        self.name: str | None = server.name
        self._server = server
        self._settings = settings
        self._link = Link(server, settings, clock or SystemClock(), imported)
        self._turns = asyncio.Semaphore(settings.server_concurrency)
        self._specs: tuple[ToolSpec, ...] = ()
        self.title = ("", "")  # the name and version that the server gives itself
        self._listed_generation = 0
        self._silent: str | None = None  # why there is no list yet

    @property
    def listed(self) -> bool:
        """Whether the server was asked; one that is never started counts as asked and empty."""
        return self._blocked() is not None or self._listed_generation > 0

    def specs(self) -> Sequence[ToolSpec]:
        """The tools of the last connection, in the server's order."""
        return self._specs

    def miss(self, tool: str) -> ToolMiss | None:
        """Why a server that is never started, or did not start when it was asked, offers nothing."""
        name, advice = f"{self.name}.{tool}", self._blocked()
        if advice is not None:
            return ToolMiss("disabled", (name,), advice)
        return None if self._silent is None else ToolMiss("unlisted", (name,), self._silent)

    def repeatable(self, tool: str, call: ToolCall) -> bool:
        """By the annotations the server gives."""
        return any(spec.repeatable for spec in self.specs() if spec.name == tool)

    async def wait_listed(self) -> None:
        """Start the server, unless it is never started, and keep its list.

        Raises:
            ToolUnavailableError: It does not start or answer.
        """
        if self._blocked() is None:
            await self._live()

    async def call(self, tool: str, call: ToolCall) -> ToolOutcome:
        """Call one of the server's tools; see :class:`ael.ports.ToolInvoker`.

        A call refused because the server forgot the session is sent once more, in a new one: it did not
        run. No other call is sent twice.
        """
        advice = self._blocked()
        if advice is not None:
            raise ToolUnavailableError(f"MCP server {self.name!r} is not started", retryable=False, hint=advice)
        async with self._turns:
            try:
                return await self._call_fresh(tool, call)
            except SessionGoneError:
                return await self._call_fresh(tool, call)

    async def aclose(self) -> None:
        """Stop the server and everything it started; idempotent; a matter of seconds at most."""
        await self._link.aclose()

    def _blocked(self) -> str | None:
        """Why the server is never started, as advice; ``None`` if it may be."""
        where = self._server.source or "its configuration"
        if self._server.disabled:
            return f"{where} says `disabled` for this server"
        if not self._server.consented:
            return f"{where} was found, not named: name it with `--mcp`, or in ael.toml"
        return None

    async def _live(self) -> Live:
        try:
            live = await self._link.live()
        except ToolUnavailableError as error:
            self._silent = None if self._listed_generation else error.message
            raise
        self._silent = None
        if live.generation > self._listed_generation:
            self._listed_generation = live.generation
            self._specs = tuple(live.session.tools.values())
            self.title = live.session.title
        return live

    async def _call_fresh(self, tool: str, call: ToolCall) -> ToolOutcome:
        live = await self._live()
        spec = live.session.tools.get(tool)
        if spec is None:
            raise self._unknown(tool, live)
        arguments = _as_json(call.params, spec.full_name)
        check_params(spec.input_schema, arguments, spec.full_name)
        with live.using():
            try:
                result = await self._bounded(live, tool, arguments, call)
            except (ToolLostError, ToolUnavailableError):
                self._link.retire(live)
                raise
        return outcome_of(result, spec, call.parse, self._settings.max_result_bytes)

    async def _bounded(self, live: Live, tool: str, arguments: dict[str, JsonValue], call: ToolCall) -> CallResult:
        meta = {IDEMPOTENCY_META: call.idempotency_key} if call.idempotency_key else {}
        progress = None if call.sink is None else _progress_to(call.sink)
        bound = self._server.timeout_s
        scope = asyncio.timeout(bound)
        try:
            async with scope:
                return await live.session.call(tool, arguments, meta, progress)
        except TimeoutError as error:
            if not scope.expired():
                raise ToolError(f"{self.name}.{tool} failed: {error or 'timed out'}") from error
            message = f"{self.name}.{tool} took longer than the {bound:g} s its server's configuration allows"
            raise ToolTimeoutError(message, hint="raise `timeout` of the server") from error

    def _unknown(self, tool: str, live: Live) -> ToolUnavailableError:
        near = difflib.get_close_matches(tool, live.session.tools, n=1)
        hint = f"did you mean {self.name}.{near[0]}?" if near else None
        message = f"MCP server {self.name!r} offers no tool {tool!r}"
        return ToolUnavailableError(message, retryable=False, hint=hint)


def _as_json(params: Mapping[str, JsonValue], tool: str) -> dict[str, JsonValue]:
    """What JSON has no word for goes as text: datetimes in ISO form, decimals, bytes in base64."""
    arguments: dict[str, JsonValue] = msgspec.to_builtins(dict(params))
    try:
        msgspec.json.encode(arguments)
    except UnicodeEncodeError as error:
        what = f"a text has {error.object[error.start]!r}, half a character, which cannot be sent"
        raise params_error(tool, [what]) from error
    return arguments


def _progress_to(sink: CallSink) -> Progress:
    async def tell(progress: float, total: float | None, message: str | None) -> None:
        fraction = min(1.0, max(0.0, progress / total)) if total else None
        sink.progress(fraction, message)

    return tell
