"""From a tool's name to the source that offers it: LANGUAGE.md, section 8.

A name is looked up as a full name (``server.tool``), then bare: among Python functions and built-in tools,
then in the known lists of servers, and only then are the other servers started to be asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from ael.errors import AELError, ConfigInvalidError, ToolUnavailableError
from ael.ports import CallSink, Clock, ToolCall, ToolMiss, ToolOutcome, ToolSpec
from ael.tools.provider import RESERVED, ToolProvider

__all__ = ["RoutingInvoker"]


class RoutingInvoker:
    """Implements :class:`ael.ports.ToolInvoker` over several sources.

    Args:
        providers: In the order in which bare names are looked up; those without a name first.

    Raises:
        ConfigInvalidError: Two servers have the same name, or a reserved one.
    """

    def __init__(self, providers: Iterable[ToolProvider], clock: Clock) -> None:
        self._clock = clock
        given = list(providers)
        self._plain = [provider for provider in given if provider.name is None]
        self._servers: dict[str, ToolProvider] = {}
        for provider in given:
            if provider.name is not None:
                self._add_server(provider.name, provider)
        self._routes: dict[tuple[str, str | None], tuple[ToolProvider, str]] = {}
        self._closed = False

    def _add_server(self, name: str, provider: ToolProvider) -> None:
        if name in RESERVED:
            raise ConfigInvalidError(f"no MCP server may be called {name!r}: the name is reserved")
        if name in self._servers:
            raise ConfigInvalidError(f"two MCP servers are called {name!r}: give one another name")
        self._servers[name] = provider

    # -- the catalog -------------------------------------------------------------------------------

    def specs(self) -> Iterator[ToolSpec]:
        """All tools that are known now, in the order of their sources."""
        for provider in (*self._plain, *self._servers.values()):
            yield from provider.specs()

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        """The tool of that name, as far as it is known without starting anything."""
        found = self._find(name, server)
        if isinstance(found, ToolMiss):
            return found
        provider, tool = found
        return _spec(provider, tool) or ToolMiss("unknown", self._names())

    def repeatable(self, call: ToolCall) -> bool:
        """Whether making this call twice does no more than making it once."""
        found = self._routes.get((call.name, call.server)) or self._find(call.name, call.server)
        if isinstance(found, ToolMiss):
            return False
        provider, tool = found
        return provider.repeatable(tool, call)

    async def wait_listed(self) -> None:
        """Ask every server for its list; those that fail are left out."""
        await self._ask([provider for provider in self._servers.values() if not provider.listed])

    def _find(self, name: str, server: str | None) -> tuple[ToolProvider, str] | ToolMiss:
        if server is not None:
            provider = self._servers.get(server)
            if provider is None:
                return ToolMiss("unknown_server", tuple(self._servers))
            return _offer(provider, name.removeprefix(f"{server}.")) or self._miss([provider], name)
        for prefix, provider in self._servers.items():
            if name.startswith(f"{prefix}."):
                return _offer(provider, name.removeprefix(f"{prefix}.")) or self._miss([provider], name)
        return self._find_bare(name)

    def _find_bare(self, name: str) -> tuple[ToolProvider, str] | ToolMiss:
        for provider in self._plain:
            offer = _offer(provider, name)
            if offer is not None:
                return offer
        held_back = next(filter(None, (provider.miss(name) for provider in self._plain)), None)
        if held_back is not None:
            return held_back
        offers = [offer for provider in self._servers.values() if (offer := _offer(provider, name)) is not None]
        if len(offers) > 1:
            return ToolMiss("ambiguous", tuple(f"{provider.name}.{tool}" for provider, tool in offers))
        return offers[0] if offers else self._miss(list(self._servers.values()), name)

    def _miss(self, asked: Sequence[ToolProvider], name: str) -> ToolMiss:
        for provider in asked:
            held_back = provider.miss(name.removeprefix(f"{provider.name}."))
            if held_back is not None and len(asked) == 1:
                return held_back
        if any(not provider.listed for provider in asked):
            return ToolMiss("unlisted", self._names())
        return ToolMiss("unknown", self._names())

    def _names(self) -> tuple[str, ...]:
        return tuple(spec.full_name for spec in self.specs())

    # -- calls -------------------------------------------------------------------------------------

    async def call(self, call: ToolCall) -> ToolOutcome:
        """Call a tool; see :class:`ael.ports.ToolInvoker`."""
        route = self._routes.get((call.name, call.server))
        if route is None:
            route = await self._resolve(call.name, call.server)
        provider, tool = route
        if call.sink is None:
            return await provider.call(tool, call)
        return await self._watched(provider, tool, call, call.sink)

    async def _watched(self, provider: ToolProvider, tool: str, call: ToolCall, sink: CallSink) -> ToolOutcome:
        sink.tool_called(tool, provider.name)
        began = self._clock.monotonic()
        returned = False
        try:
            outcome = await provider.call(tool, call)
            returned = True
        finally:
            sink.tool_returned(tool, provider.name, returned, self._clock.monotonic() - began)
        return outcome

    async def aclose(self) -> None:
        """Close every source, all at once; idempotent."""
        if not self._closed:
            self._closed = True
            async with asyncio.TaskGroup() as closing:
                for provider in (*self._plain, *self._servers.values()):
                    closing.create_task(provider.aclose())

    async def _resolve(self, name: str, server: str | None) -> tuple[ToolProvider, str]:
        found = self._find(name, server)
        failures: list[AELError] = []
        if isinstance(found, ToolMiss) and found.reason == "unlisted":
            failures = await self._ask(self._candidates(name, server))
            found = self._find(name, server)
        if isinstance(found, ToolMiss):
            raise _unavailable(name, found, failures)
        self._routes[name, server] = found
        return found

    def _candidates(self, name: str, server: str | None) -> list[ToolProvider]:
        """The servers worth asking: the one that is named, else all that have not been asked."""
        for prefix, provider in self._servers.items():
            if server == prefix or (server is None and name.startswith(f"{prefix}.")):
                return [provider]
        return [provider for provider in self._servers.values() if not provider.listed]

    async def _ask(self, providers: Sequence[ToolProvider]) -> list[AELError]:
        """Ask servers for their lists, side by side; what kept some of them from answering."""

        async def ask(provider: ToolProvider) -> AELError | None:
            try:
                await provider.wait_listed()
            except AELError as error:
                return error
            return None

        return [error for error in await asyncio.gather(*map(ask, providers)) if error is not None]


def _offer(provider: ToolProvider, tool: str) -> tuple[ToolProvider, str] | None:
    return None if _spec(provider, tool) is None else (provider, tool)


def _spec(provider: ToolProvider, tool: str) -> ToolSpec | None:
    return next((spec for spec in provider.specs() if spec.name == tool), None)


def _unavailable(name: str, miss: ToolMiss, failures: Sequence[AELError]) -> ToolUnavailableError:
    """One sentence, and advice. Retryable only if a server that might have the tool could not be reached."""
    if failures:
        reasons = "; ".join(failure.message for failure in failures)
        error = ToolUnavailableError(
            f"tool {name!r} is not available: {reasons}",
            retryable=any(failure.retryable for failure in failures),
            hint=failures[0].hint,
        )
        error.__cause__ = failures[0]
        return error
    match miss.reason:
        case "ambiguous":
            return ToolUnavailableError(
                f"tool {name!r} is offered by several sources: {', '.join(miss.candidates)}",
                hint="say which with the full name, or with `mcp:`",
            )
        case "unknown_server":
            servers = ", ".join(miss.candidates) or "none"
            return ToolUnavailableError(
                f"tool {name!r} is asked of a server that is not configured", hint=f"the servers are: {servers}"
            )
        case "disabled":
            return ToolUnavailableError(f"tool {name!r} is switched off", hint=miss.advice)
    near = get_close_matches(name, miss.candidates, n=1)
    hint = f"did you mean {near[0]!r}?" if near else None
    return ToolUnavailableError(f"there is no tool {name!r}", hint=hint)
