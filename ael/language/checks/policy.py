"""5xx: retries that may destroy, timeouts that contradict each other, and requests without bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ael.dataflow import StepFlow
from ael.definition import MISSING, CodeBody, Defaults, ForEach, Path, StepDefinition, ToolBody, walk_steps
from ael.language.catalog import policy
from ael.language.checks.context import Context, Scope
from ael.language.durations import duration_text
from ael.ports import ToolCatalog, ToolSpec
from ael.templates import constant_of
from ael.types import JsonValue, OnError, RetryConfig, TimeoutConfig

__all__ = ["check_policy", "retry_of"]

_NETWORK = "http."
_BEFORE_THE_CALL = frozenset({"TOOL_UNAVAILABLE"})
"""Codes after which nothing can have happened yet."""


def check_policy(context: Context, catalog: ToolCatalog | None) -> None:
    """Every step, and the defaults."""
    defaults = context.definition.defaults
    if defaults.timeout is not None:
        _check_timeouts(defaults.timeout, "`defaults`", ("defaults", "timeout"), context)
    for scope, step_flow in context.steps:
        step = step_flow.step
        if step.timeout is not None:
            _check_timeouts(step.timeout, f"step {scope.name(step)!r}", context.path(step, "timeout"), context)
        if catalog is not None and isinstance(step.body, ToolBody):
            _check_retries(step, step.body, scope, context, catalog)
        if step.for_each is not None:
            _check_bound(step_flow, step.for_each, scope, context)


def retry_of(step: StepDefinition, context: Context) -> tuple[RetryConfig | None, Path]:
    """How a step is retried, its ``on_error`` and the defaults included, and where that is written."""
    defaults = context.definition.defaults if isinstance(step.body, ToolBody | CodeBody) else Defaults()
    if step.retry is not None:
        return step.retry, context.path(step, "retry")
    for index, rule in enumerate(step.error_rules):
        if rule.do is OnError.RETRY:
            return rule.retry or RetryConfig(), context.path(step, "on_error", index)
    if defaults.retry is not None:
        return defaults.retry, ("defaults", "retry")
    return _retry_on_error(step, defaults, context)


def _retry_on_error(step: StepDefinition, defaults: Defaults, context: Context) -> tuple[RetryConfig | None, Path]:
    """How ``on_error: retry`` alone has it."""
    own = step.on_error is not None or bool(step.error_rules)
    if (step.on_error if own else defaults.on_error) is not OnError.RETRY:
        return None, ()
    return RetryConfig(), context.path(step, "on_error") if own else ("defaults", "on_error")


def _check_retries(step: StepDefinition, body: ToolBody, scope: Scope, context: Context, catalog: ToolCatalog) -> None:
    retry, at = retry_of(step, context)
    if retry is None or not _may_repeat(retry):
        return
    found = catalog.lookup(body.tool, body.server)
    if not isinstance(found, ToolSpec) or not found.destructive or found.repeatable:
        return
    own = at[:1] != ("defaults",)
    advice = "remove `retry`" if own else "write `retry: 1` at the step: the retry of `defaults` is meant for others"
    problem = policy.RetryDestructive(scope.name(step), found.full_name, f"{advice}, or retry only {_SAFE_RETRY}")
    context.report.add(problem, at if own else context.path(step, "tool"))


def _may_repeat(retry: RetryConfig) -> bool:
    """Whether there may be an attempt after one that may have had its effect."""
    return retry.max_attempts > 1 and not (retry.on and _BEFORE_THE_CALL.issuperset(retry.on))


_SAFE_RETRY = "what cannot have taken effect: `retry: {on: [TOOL_UNAVAILABLE]}`"


def _check_timeouts(timeout: TimeoutConfig, what: str, at: Path, context: Context) -> None:
    for longer, shorter in (("attempt", "total"), ("idle", "attempt"), ("idle", "total")):
        long, short = getattr(timeout, longer), getattr(timeout, shorter)
        if long is not None and short is not None and short < long:
            words = f"timeout.{longer}", duration_text(long), f"timeout.{shorter}", duration_text(short)
            context.report.add(policy.TimeoutsContradict(what, *words), (*at, longer))
            return


def _check_bound(step_flow: StepFlow, loop: ForEach, scope: Scope, context: Context) -> None:
    step = step_flow.step
    bounded = loop.max_parallel is not None or step.limits or context.definition.max_parallel is not None
    if bounded or _is_length_known(step_flow, loop, context):
        return
    caller = next(_unlimited_calls(step), None)
    if caller is not None:
        problem = policy.UnboundedCalls(scope.name(step), caller)
        context.report.add(problem, context.path(step, *loop.path))


def _unlimited_calls(step: StepDefinition) -> Iterator[str]:
    """The requests inside that no pool bounds."""
    for each in walk_steps((step,)):
        if isinstance(each.body, ToolBody) and each.body.tool.startswith(_NETWORK) and not each.limits:
            yield each.body.tool


def _is_length_known(step_flow: StepFlow, loop: ForEach, context: Context) -> bool:
    """Whether it is a list that is written down, or an input that says how long it may be."""
    template = step_flow.templates.get(loop.path)
    if not isinstance(loop.items, str) or template is None:
        return True
    if constant_of(template) is not MISSING:
        return True
    names = [each.name for each in template.references if each.root == "inputs" and not each.path]
    schemas: Mapping[str, Mapping[str, JsonValue]] = {each.name: each.schema for each in context.definition.inputs}
    return len(template.references) == 1 and any("maxItems" in schemas.get(name or "", {}) for name in names)
