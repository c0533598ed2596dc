"""5xx: may the steps, one after another and each as slow as it may be, take longer than the workflow's ``timeout``?

The longest path through the steps of a block, where each step takes the most that its own numbers allow. A step that
names no numbers takes an unknown time; paths through it are left out, so that what is said is certain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from ael.dataflow import Flow, StepFlow
from ael.definition import CodeBody, ExitBody, StepDefinition, ToolBody
from ael.language.catalog import policy
from ael.language.checks.context import Context, Scope
from ael.language.checks.fates import Fates
from ael.language.checks.policy import retry_of
from ael.language.durations import duration_text
from ael.retry import wait_before
from ael.types import RetryConfig, TimeoutConfig

__all__ = ["check_worst_case"]

_MOST_WAITS = 1_000
"""Waits that are added up one by one; more of them count as nothing."""
_MOST_COUNTED = 10**12
"""An integer of a file may be larger than any float."""
_MOST_SECONDS = 1_000 * 86_400.0
"""What is longer is not told to the millisecond; numbers in a file may be beyond all counting."""
_MOST_SHOWN = 6


def check_worst_case(context: Context, fates: Fates) -> None:
    """The ``timeout`` of the workflow against the longest path of its top-level steps."""
    timeout = context.definition.timeout
    if timeout is None:
        return
    longest = _WorstCase(context, fates).longest(context.flow)
    if longest is None or longest.seconds <= timeout:
        return
    names = [repr(name) for name in longest.path]
    if len(names) > _MOST_SHOWN:
        names[_MOST_SHOWN - 1 : -1] = ["..."]
    one = len(names) == 1
    path = f"step{'' if one else 's'} {' -> '.join(names)}"
    words = _duration(longest.seconds), duration_text(timeout)
    problem = policy.WorstCaseTooLong(path, "takes" if one else "take", *words)
    context.report.add(problem, ("timeout",))


def _duration(seconds: float) -> str:
    return duration_text(seconds) if seconds <= _MOST_SECONDS else f"more than {duration_text(_MOST_SECONDS)}"


@attrs.frozen
class _Longest:
    """A path of steps that wait for each other, and the most seconds it takes."""

    seconds: float
    path: tuple[str, ...]


class _WorstCase:
    """Works its way up from the steps to the workflow."""

    def __init__(self, context: Context, fates: Fates) -> None:
        self._context = context
        self._fates = fates
        self._scopes: dict[int, Scope] = {id(scope.flow): scope for scope in context.scopes}

    def longest(self, flow: Flow) -> _Longest | None:
        """The longest path whose every number is known; ``None`` if there is none."""
        scope = self._scopes[id(flow)]
        ends: dict[int, tuple[float, int | None]] = {}
        for number in scope.order:
            seconds = self._most(flow.steps[number])
            before = [(ends[other][0], other) for other in scope.waits[number] if other in ends]
            if seconds is None or (scope.waits[number] and not before):
                continue
            start, through = max(before, key=lambda each: each[0], default=(0.0, None))
            ends[number] = start + seconds, through
        if not ends:
            return None
        last = max(ends, key=lambda each: ends[each][0])
        return _Longest(ends[last][0], tuple(flow.steps[number].step.id for number in _path(ends, last)))

    def _most(self, step_flow: StepFlow) -> float | None:
        """The most seconds that a step takes."""
        step = step_flow.step
        if self._fates.of(step_flow).dead is not None or isinstance(step.body, ExitBody):
            return 0.0
        timeout = self._timeout(step)
        most = self._rounds(step_flow, timeout)
        if timeout.total is not None:
            return timeout.total if most is None else min(most, timeout.total)
        return most

    def _rounds(self, step_flow: StepFlow, timeout: TimeoutConfig) -> float | None:
        """All rounds of ``repeat``; the items of a loop side by side, as far as nothing holds them back."""
        step = step_flow.step
        most = self._attempts(step_flow, timeout)
        if most is None:
            return None
        if step.for_each is not None:
            items = step.for_each.items
            if isinstance(items, str) or not items:
                return None
            most *= math.ceil(len(items) / (step.for_each.max_parallel or len(items)))
        if step.repeat is not None:
            rounds = min(step.repeat.max, _MOST_COUNTED)
            most = rounds * most + (rounds - 1) * step.repeat.every
        return most

    def _attempts(self, step_flow: StepFlow, timeout: TimeoutConfig) -> float | None:
        attempt = timeout.attempt
        inside = [each.seconds for block in step_flow.blocks if (each := self.longest(block)) is not None]
        if inside:
            attempt = max(inside) if attempt is None else min(attempt, max(inside))
        if attempt is None:
            return None
        retry, _ = retry_of(step_flow.step, self._context)
        return attempt if retry is None else attempt * min(retry.max_attempts, _MOST_COUNTED) + _waits(retry)

    def _timeout(self, step: StepDefinition) -> TimeoutConfig:
        plain = isinstance(step.body, ToolBody | CodeBody)
        return step.timeout or (plain and self._context.definition.defaults.timeout) or TimeoutConfig()


def _path(ends: Mapping[int, tuple[float, int | None]], last: int) -> list[int]:
    """The steps on the way to the last one, which is with them."""
    path = [last]
    while (before := ends[path[-1]][1]) is not None:
        path.append(before)
    return path[::-1]


def _waits(retry: RetryConfig) -> float:
    attempts = min(retry.max_attempts, _MOST_WAITS)
    return sum(wait_before(retry, attempt) for attempt in range(2, attempts + 1))  # `fsum` fails beyond all floats
