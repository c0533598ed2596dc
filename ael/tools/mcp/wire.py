"""The SDK's side of the seam: the only knowledge of ``mcp``'s sessions, results and errors.

Imported late, in a thread (:func:`ael.tools.mcp.session.wait_imported`).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping

import anyio
from mcp import Client, MCPError
from mcp.client.session import ClientSession
from mcp_types import (
    CONNECTION_CLOSED,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    REQUEST_TIMEOUT,
    URL_ELICITATION_REQUIRED,
    CallToolResult,
    Implementation,
    InputRequiredResult,
    PaginatedRequestParams,
    RequestParamsMeta,
    Tool,
)
from pydantic import ValidationError

from ael.errors import AELError, ToolError, ToolLostError, ToolTimeoutError, ToolUnavailableError
from ael.mcp_server import McpServer
from ael.ports import ToolSpec
from ael.settings import Settings
from ael.tools.mcp.failures import lost
from ael.tools.mcp.http import http_transport
from ael.tools.mcp.lines import Tail
from ael.tools.mcp.marks import Mark, mark_of
from ael.tools.mcp.results import too_large
from ael.tools.mcp.session import CallResult, Progress, SessionGoneError
from ael.tools.mcp.stdio import process_transport, server_environment
from ael.types import JsonValue

__all__ = ["SdkSession", "connect"]

# As a library should for itself: without it, what the SDK logs ends up on the terminal of whoever set up no logging.
logging.getLogger("mcp").addHandler(logging.NullHandler())

_MOST_PAGES = 1000
# Servers use the same code for errors of their own; the SDK's own say one of these.
_SDK_SAYS = ("Connection closed", "SSE stream ")
_RETRYABLE_STATUS = frozenset({408, 425, 429})


@contextlib.asynccontextmanager
async def connect(
    server: McpServer, settings: Settings, tail: Tail, on_lost: Callable[[], object]
) -> AsyncIterator[SdkSession]:
    """Start or reach the server, say hello in its era of the protocol, list its tools; leaving ends it.

    Must be entered and left by the same task, and nothing else may happen in that task: the SDK cancels it
    when the connection breaks.

    Raises:
        Exception: Whatever went wrong, often inside an exception group.
    """
    # A result often says everything twice, as data and as text; the value alone is measured again later.
    limit = 2 * settings.max_result_bytes + 64 * 1024
    if server.command is None:
        transport: contextlib.AbstractAsyncContextManager[JsonValue] = http_transport(server, limit)
    else:
        environment = server_environment(server, settings.inherit_environment)
        transport = process_transport(server, environment, limit, tail, on_lost)
    client = Client(transport, cache=None, client_info=Implementation(name="ael", version="0.1.0"))
    async with client:
        tools = await _list_tools(client.session, server.name)
        yield SdkSession(client.session, server, tools, settings.max_result_bytes, tail)


async def _list_tools(session: ClientSession, server: str) -> dict[str, ToolSpec]:
    tools: dict[str, ToolSpec] = {}
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
        for tool in page.tools:
            tools.setdefault(tool.name, _spec(tool, server))
        if not page.next_cursor or page.next_cursor == cursor:
            return tools
        cursor = page.next_cursor
    raise ToolError(f"MCP server {server!r} lists its tools on more than {_MOST_PAGES} pages", retryable=False)


def _spec(tool: Tool, server: str) -> ToolSpec:
    hints = tool.annotations
    return ToolSpec(
        name=tool.name,
        description=tool.description or "",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        read_only=hints.read_only_hint if hints else None,
        idempotent=hints.idempotent_hint if hints else None,
        destructive=hints.destructive_hint if hints else None,
        server=server,
    )


class SdkSession:
    """Implements :class:`ael.tools.mcp.session.Session` over the SDK's session."""

    def __init__(
        self,
        session: ClientSession,
        server: McpServer,
        tools: Mapping[str, ToolSpec],
        max_result_bytes: int,
        tail: Tail,
    ) -> None:
        self.tools = tools
        info = session.server_info
        self.title = ("", "") if info is None else (info.name, info.version)
        self._session = session
        self._server = server
        self._max_result_bytes = max_result_bytes
        self._tail = tail

    async def call(
        self, tool: str, arguments: dict[str, JsonValue], meta: dict[str, JsonValue], progress: Progress | None
    ) -> CallResult:
        """See the protocol."""
        name = f"{self._server.name}.{tool}"
        try:
            result = await self._session.call_tool(
                tool,
                arguments,
                progress_callback=progress,
                meta=_meta(meta),
                allow_input_required=True,
            )
        except MCPError as error:
            raise self._failure(name, error) from error
        except ValidationError as error:
            raise ToolError(f"{name} answered with something that is no tool result", retryable=False) from error
        except (anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
            raise self._lost(name, "the connection was closed") from error
        except RuntimeError as error:  # the SDK's word for a result that does not fit the tool's output schema
            raise ToolError(f"{name}: {str(error).splitlines()[0]}", retryable=False) from error
        if isinstance(result, InputRequiredResult):
            raise _asks(name)
        return _plain(result)

    def _failure(self, name: str, error: MCPError) -> AELError:
        reason = mark_of(error.data)
        if reason is not None:
            return self._marked(name, error, reason)
        if error.code == CONNECTION_CLOSED and error.message.startswith(_SDK_SAYS):
            if "byte limit" in error.message:  # httpx2's bound of one SSE event, which the SDK passes on as text only
                return too_large(name, self._max_result_bytes)
            return self._lost(name, error.message)
        if error.code == REQUEST_TIMEOUT:
            return ToolTimeoutError(f"{name} was too slow for its server: {error.message}")
        if error.code == URL_ELICITATION_REQUIRED:
            return _asks(name)
        details = {"mcp_code": error.code, "mcp_data": error.data}
        if error.code in (INVALID_PARAMS, METHOD_NOT_FOUND):
            return ToolError(f"{name} refused the call: {error.message}", retryable=False, details=details)
        return ToolError(f"{name} failed: {error.message}", details=details)

    def _marked(self, name: str, error: MCPError, reason: Mark) -> AELError:
        match reason:
            case Mark.TOO_LARGE:
                return too_large(name, self._max_result_bytes)
            case Mark.LOST:
                return self._lost(name, error.message)
            case Mark.HTTP_STATUS:
                return _http_failure(name, error)
            case Mark.SESSION_GONE:
                kind: type[ToolUnavailableError] = SessionGoneError
            case Mark.UNREACHED:
                kind = ToolUnavailableError
        message = f"MCP server {self._server.name!r} cannot be reached for {name}: {error.message}"
        return kind(message, retryable=True, hint="start the server, or correct its url")

    def _lost(self, name: str, why: str) -> ToolLostError:
        return lost(name, self._server, why, self._tail)


def _http_failure(name: str, error: MCPError) -> ToolError:
    status = int(error.data["status"])
    retryable = status in _RETRYABLE_STATUS or status >= 500
    hint = "give the server's `headers` what it wants, such as Authorization" if status in (401, 403) else None
    message = f"{name} failed: its server answered {error.message}"
    return ToolError(message, retryable=retryable, details={"status": status}, hint=hint)


def _asks(name: str) -> ToolError:
    message = f"{name} asks a person for input before it goes on, which is not supported yet"
    return ToolError(message, retryable=False, hint="give the tool all it needs in `params`")


def _meta(plain: dict[str, JsonValue]) -> RequestParamsMeta | None:
    meta: RequestParamsMeta = {}
    meta.update(plain)  # type: ignore[typeddict-item]
    return meta or None


def _plain(result: CallToolResult) -> CallResult:
    content = [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content]
    return CallResult(
        content=content,
        structured=result.structured_content,
        has_structured="structured_content" in result.model_fields_set,
        is_error=result.is_error,
        meta=dict(result.meta) if result.meta else None,
    )
