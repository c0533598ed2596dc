"""The tools that the conformance files may use: few, scripted by their params, and in virtual time.

========== =======================================================================================
echo       returns ``value``
sleep      after ``seconds``, returns ``value``; a cancelled sleep with a ``name`` notes ``cancelled NAME``
fail       raises an error: ``code`` (``BOOM``), ``message``, ``retry_after``, ``after`` so many seconds
flaky      fails as ``fail`` does in the first ``failures`` attempts of a step, then returns ``value``
record     notes ``value`` in the log of the execution, and returns it; optionally ``after`` so many seconds
count      how often it has been called with this ``name``, from 1
open       opens the gate ``name``
gate       waits for the gate ``name`` to open
tidy       never ends by itself; cancelled, it takes ``seconds`` to tidy up, and notes ``tidied``
inside     after ``seconds``, how many calls with this ``name`` were inside when it came in, itself included
work       reports progress every ``every`` seconds, ``times`` times, and then is silent for ``silent`` seconds
========== =======================================================================================
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping

from ael.errors import ToolError
from ael.ports import ToolCall, ToolSpec
from ael.testing import FakeTools, VirtualClock
from ael.types import JsonValue

__all__ = ["Script"]

_READ_ONLY = ("echo", "sleep", "fail", "flaky", "gate", "inside", "work")
_WRITING = ("record", "count", "open", "tidy")

Params = Mapping[str, JsonValue]


class Script:
    """One set of tools, with what it has seen.

    Attributes:
        log: What ``record`` and cancelled sleeps noted, in order.
        tools: The invoker.
    """

    def __init__(self) -> None:
        self.log: list[JsonValue] = []
        self._attempts: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._occupied: Counter[str] = Counter()
        self._gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._clock = VirtualClock()
        specs = [ToolSpec(name, read_only=name in _READ_ONLY) for name in (*_READ_ONLY, *_WRITING)]
        functions = {name: getattr(self, f"_{name}") for name in (*_READ_ONLY, *_WRITING)}
        self.tools = FakeTools(functions, specs=specs)

    @property
    def calls(self) -> Counter[str]:
        """Tool → how often it was called."""
        return Counter(seen.name for seen in self.tools.calls)

    def _echo(self, params: Params) -> JsonValue:
        return params.get("value")

    async def _sleep(self, params: Params) -> JsonValue:
        try:
            await self._clock.sleep(params["seconds"])
        except asyncio.CancelledError:
            if "name" in params:
                self.log.append(f"cancelled {params['name']}")
            raise
        return params.get("value")

    async def _fail(self, params: Params) -> JsonValue:
        await self._clock.sleep(params.get("after", 0))
        raise ToolError(
            params.get("message", "as told"),
            code=params.get("code", "BOOM"),
            retry_after=params.get("retry_after"),
        )

    async def _flaky(self, call: ToolCall) -> JsonValue:
        self._attempts[call.idempotency_key] += 1
        if self._attempts[call.idempotency_key] <= call.params["failures"]:
            await self._fail(call.params)
        return call.params.get("value")

    async def _record(self, params: Params) -> JsonValue:
        await self._clock.sleep(params.get("after", 0))
        self.log.append(params["value"])
        return params["value"]

    def _count(self, params: Params) -> JsonValue:
        self._counts[params["name"]] += 1
        return self._counts[params["name"]]

    def _open(self, params: Params) -> JsonValue:
        self._gates[params["name"]].set()
        return None

    async def _gate(self, params: Params) -> JsonValue:
        await self._gates[params["name"]].wait()
        return params.get("value")

    async def _tidy(self, params: Params) -> JsonValue:
        try:
            await asyncio.Event().wait()
        finally:
            await self._clock.sleep(params["seconds"])
            self.log.append("tidied")

    async def _inside(self, params: Params) -> JsonValue:
        name = params["name"]
        self._occupied[name] += 1
        seen = self._occupied[name]
        try:
            await self._clock.sleep(params["seconds"])
        finally:
            self._occupied[name] -= 1
        return seen

    async def _work(self, call: ToolCall) -> JsonValue:
        for number in range(call.params["times"]):
            await self._clock.sleep(call.params["every"])
            if call.sink is not None:
                call.sink.progress((number + 1) / call.params["times"], None)
        await self._clock.sleep(call.params.get("silent", 0))
        return call.params.get("value")
