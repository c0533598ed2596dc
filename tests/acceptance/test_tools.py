"""Tools in executions, wired as users wire them: threads, programs and sockets under cancellation, retry and timeouts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import attrs
import pytest

import ael
from ael.types import JsonValue

ROOT = Path(ael.__file__).parents[1]


def engine_of(text: str, *tools: object, **settings: JsonValue) -> ael.WorkflowEngine:
    """An engine with one workflow, ``w``, whose steps are ``text``."""
    definition = ael.parse_workflow("name: w\nsteps:\n" + text)
    return ael.create_engine(workflows=[definition], tools=tools, settings=ael.Settings(**settings))


async def run(text: str, *tools: object, **settings: JsonValue) -> ael.ExecutionResult:
    async with engine_of(text, *tools, **settings) as engine:
        return await engine.execute("w")


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


# -- data ----------------------------------------------------------------------------------------


@attrs.define
class Order:
    item: str
    count: int = 1


async def test_steps_hand_on_data_that_no_tool_can_spoil() -> None:
    @ael.tool
    async def make() -> list[JsonValue]:
        return [{"item": "tea"}, {"item": "milk", "count": 2}]

    @ael.tool
    def spoil(orders: list[JsonValue]) -> int:
        orders[0]["item"] = "poison"
        orders.clear()
        return len(orders)

    @ael.tool
    def total(orders: list[Order]) -> list[Order]:
        return [Order(each.item, each.count * 2) for each in orders]

    result = await run(
        """
- {id: a, tool: make}
- {id: b, tool: spoil, params: {orders: "{{ steps.a.output }}"}}
- {id: c, tool: total, params: {orders: "{{ steps.a.output }}"}, depends_on: b}
""",
        make,
        spoil,
        total,
    )
    assert result.ok
    assert result["a"].output == [{"item": "tea"}, {"item": "milk", "count": 2}]
    assert result["b"].output == 0
    assert result["c"].output == [{"item": "tea", "count": 2}, {"item": "milk", "count": 4}]


async def test_params_that_do_not_fit_fail_the_step_before_the_call() -> None:
    called = []

    @ael.tool
    def buy(order: Order, how: str = "cheap") -> None:
        called.append(order)

    result = await run(
        """
- {id: a, tool: buy, params: {order: {item: "{{ 1 + 1 }}", count: "{{ 'two' }}"}}, retry: 3}
""",
        buy,
    )
    error = result["a"].error
    assert error is not None
    assert error.code == "PARAM_INVALID"
    assert sorted(each.partition(":")[0] for each in error.details["problems"]) == ["$.order.count", "$.order.item"]
    assert result["a"].attempt == 1
    assert not called


async def test_attempts_know_what_they_are_part_of() -> None:
    seen = []

    @ael.tool
    def flaky(ctx: ael.ToolContext, name: str) -> str:
        seen.append((ctx.path, ctx.attempt, ctx.idempotency_key, ctx.deadline is not None))
        ctx.log("trying", name=name)
        ctx.progress_nowait(ctx.attempt / 3)
        if ctx.attempt < 3:
            raise ael.ToolError("not yet", code="BUSY", retry_after=0)
        return ctx.path

    async with engine_of(
        '- {id: a, tool: flaky, params: {name: x}, retry: {max_attempts: 3, delay: 0, "on": [BUSY]}, timeout: 30}\n',
        flaky,
    ) as engine:
        execution = engine.start("w")
        events = [event async for event in execution.events()]
        result = await execution.result()
    assert result["a"].output == "a"
    key = f"{result.execution_id}:a"
    assert seen == [("a", attempt, key, True) for attempt in (1, 2, 3)]
    told = [(event.type, event.attempt) for event in events if event.type in ("tool_called", "tool_returned", "log")]
    assert told == [(kind, n) for n in (1, 2, 3) for kind in ("tool_called", "log", "log", "tool_returned")]
