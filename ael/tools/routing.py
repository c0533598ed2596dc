"""From a tool's name to the source that offers it: docs/language.md, section 8.

A name is looked up as a full name (``server.tool``), then bare: among Python functions and built-in tools,
then in the known lists of servers, and only then are the other servers started to be asked. What was found is
kept: a name is looked up once, however often it is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from functools import partial
from typing import Literal, TypeAlias

import attrs

from ael.errors import AELError, ConfigInvalidError, ToolUnavailableError
from ael.language.suggest import nearest_tool
from ael.mcp_server import RESERVED
from ael.ports import CallSink, Clock, ToolCall, ToolMiss, ToolOutcome, ToolSpec
from ael.tools.provider import Binds, ToolProvider

__all__ = ["RoutingInvoker"]

_Calling: TypeAlias = Coroutine[None, None, ToolOutcome]
_Offer: TypeAlias = tuple[ToolProvider, ToolSpec]


@attrs.frozen(eq=False)
class _Route:
    """Where a name leads: the tool's name at its server, and what to call."""

    tool: str
    server: str | None
    call: Callable[[ToolCall], _Calling]


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
        self._routes: dict[tuple[str, str | None], _Route] = {}

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
        return found if isinstance(found, ToolMiss) else found[1]

    def repeatable(self, call: ToolCall) -> bool:
        """Whether making this call twice does no more than making it once."""
        found = self._find(call.name, call.server)
        if isinstance(found, ToolMiss):
            return False
        provider, spec = found
        return provider.repeatable(spec.name, call)

    async def wait_listed(self) -> None:
        """Ask every server for its list; those that fail are left out."""
        await _ask(self._servers.values())

    # -- names -------------------------------------------------------------------------------------

    def _find(self, name: str, server: str | None) -> _Offer | ToolMiss:
        if server is not None:
            return self._find_at(server, name)
        named = self._named_in(name)
        offer = None if named is None else _offer(named, _short(name, named))
        if offer is not None:
            return offer
        found = self._find_bare(name)
        if named is not None and isinstance(found, ToolMiss) and found.reason != "ambiguous":
            return self._miss([named], name)
        return found

    def _find_at(self, server: str, name: str) -> _Offer | ToolMiss:
        provider = self._servers.get(server)
        if provider is None:
            return ToolMiss("unknown_server", tuple(self._servers))
        return _offer(provider, name) or _offer(provider, _short(name, provider)) or self._miss([provider], name)

    def _find_bare(self, name: str) -> _Offer | ToolMiss:
        for provider in self._plain:
            offer = _offer(provider, name)
            if offer is not None:
                return offer
        held_back = next(filter(None, (provider.miss(name) for provider in self._plain)), None)
        if held_back is not None:
            return held_back
        offers = [offer for provider in self._servers.values() if (offer := _offer(provider, name)) is not None]
        if len(offers) > 1:
            return ToolMiss("ambiguous", tuple(spec.full_name for _, spec in offers))
        return offers[0] if offers else self._miss(list(self._servers.values()), name)

    def _named_in(self, name: str) -> ToolProvider | None:
        """The server whose name is the first part of a full name; the longest, where names of servers have dots."""
        prefixes = [prefix for prefix in self._servers if name.startswith(f"{prefix}.")]
        return self._servers[max(prefixes, key=len)] if prefixes else None

    def _miss(self, asked: Sequence[ToolProvider], name: str) -> ToolMiss:
        """Why none of these servers has the tool."""
        held_back = asked[0].miss(_short(name, asked[0])) if len(asked) == 1 else None
        if held_back is not None:
            return held_back
        reason: Literal["unlisted", "unknown"] = "unknown" if all(each.listed for each in asked) else "unlisted"
        return ToolMiss(reason, tuple(spec.full_name for spec in self.specs()))

    # -- calls -------------------------------------------------------------------------------------

    def call(self, call: ToolCall) -> _Calling:
        """Call a tool; see :class:`ael.ports.ToolInvoker`."""
        route = self._routes.get((call.name, call.server))
        if route is None:
            return self._call_unrouted(call)
        return route.call(call) if call.sink is None else self._call_watched(route, call, call.sink)

    async def _call_unrouted(self, call: ToolCall) -> ToolOutcome:
        provider, spec = await self._resolve(call.name, call.server)
        bound = provider.bind(spec.name).call if isinstance(provider, Binds) else partial(provider.call, spec.name)
        self._routes[call.name, call.server] = _Route(spec.name, provider.name, bound)
        return await self.call(call)

    async def _call_watched(self, route: _Route, call: ToolCall, sink: CallSink) -> ToolOutcome:
        sink.tool_called(route.tool, route.server)
        began = self._clock.monotonic()
        returned = False
        try:
            outcome = await route.call(call)
            returned = True
        finally:
            sink.tool_returned(route.tool, route.server, returned, self._clock.monotonic() - began)
        return outcome

    async def _resolve(self, name: str, server: str | None) -> _Offer:
        found = self._find(name, server)
        failures: list[AELError] = []
        if isinstance(found, ToolMiss) and found.reason == "unlisted":
            failures = await _ask(self._worth_asking(name, server))
            found = self._find(name, server)
        if isinstance(found, ToolMiss):
            raise _unavailable(name, server, found, failures)
        return found

    def _worth_asking(self, name: str, server: str | None) -> Iterable[ToolProvider]:
        """The server that is named, else all."""
        named = self._named_in(name) if server is None else self._servers[server]
        return self._servers.values() if named is None else [named]

    async def aclose(self) -> None:
        """Close every source, all at once, whatever befalls one of them; idempotent.

        Raises:
            Exception: The first that a source raised, once all are closed.
        """
        closing = [provider.aclose() for provider in (*self._plain, *self._servers.values())]
        for failure in await asyncio.gather(*closing, return_exceptions=True):
            if failure is not None:
                raise failure


async def _ask(providers: Iterable[ToolProvider]) -> list[AELError]:
    """Ask servers that have not been asked for their lists, side by side; what kept some of them from answering."""

    async def ask(provider: ToolProvider) -> AELError | None:
        try:
            await provider.wait_listed()
        except AELError as error:
            return error
        return None

    answers = await asyncio.gather(*(ask(provider) for provider in providers if not provider.listed))
    return [error for error in answers if error is not None]


def _offer(provider: ToolProvider, tool: str) -> _Offer | None:
    return next(((provider, spec) for spec in provider.specs() if spec.name == tool), None)


def _short(name: str, server: ToolProvider) -> str:
    """The name of a tool at its server."""
    return name.removeprefix(f"{server.name}.")


def _unavailable(name: str, server: str | None, miss: ToolMiss, failures: Sequence[AELError]) -> ToolUnavailableError:
    """One sentence, and advice. Retryable only if a server that might have the tool could not be reached."""
    full = name if server is None or name.startswith(f"{server}.") else f"{server}.{name}"
    match miss.reason:
        case "ambiguous":
            return ToolUnavailableError(
                f"tool {name!r} is offered by several sources: {', '.join(miss.candidates)}",
                details={"reason": miss.reason},
                hint="say which with the full name, or with `mcp`",
            )
        case "unknown_server":
            return ToolUnavailableError(
                f"tool {name!r} is asked of MCP server {server!r}, which is not configured",
                hint=f"the servers are: {', '.join(miss.candidates) or 'none'}",
            )
        case "disabled":
            return ToolUnavailableError(f"tool {full!r} is switched off", hint=miss.advice)
    if failures:
        return _unreachable(full, failures)
    return ToolUnavailableError(f"there is no tool {full!r}", hint=_suggestion(full, miss.candidates))


def _unreachable(name: str, failures: Sequence[AELError]) -> ToolUnavailableError:
    error = ToolUnavailableError(
        f"tool {name!r} is not available: {'; '.join(failure.message for failure in failures)}",
        retryable=any(failure.retryable for failure in failures),
        hint=failures[0].hint,
        details=failures[0].details,
    )
    error.__cause__ = failures[0]
    return error


def _suggestion(name: str, candidates: Iterable[str]) -> str | None:
    near = nearest_tool(name, list(candidates))
    return None if near is None else f"did you mean {near!r}?"
