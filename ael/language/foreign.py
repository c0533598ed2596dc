"""What other workflow languages call things that ael has too: their keys, and ours.

People and models write by habit. A habit has one meaning, so it is worth more than the nearest spelling: ``needs``
is ``depends_on``, however little the two words are alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ael.language.durations import parse_duration

__all__ = ["KEYS", "foreign_duration"]


def _all(ours: str, theirs: str) -> dict[str, str]:
    return dict.fromkeys(theirs.split(), ours)


KEYS: Mapping[str, Mapping[str, str]] = {
    "the workflow": {
        **_all("name", "id workflow_id workflow_name"),
        **_all("steps", "jobs nodes tasks stages actions activities states"),
        **_all("inputs", "input parameters params args arguments variables vars env"),
        **_all("outputs", "result results return returns"),
        **_all("max_parallel", "concurrency parallelism max_concurrency max_workers"),
        **_all("timeout", "timeout_seconds timeout_s timeout-minutes"),
        **_all("limits", "pools rate_limits rate_limit semaphores"),
        **_all("finally", "on_exit onExit always cleanup ensure teardown"),
        **_all("on_failure", "compensation compensate rollback"),
    },
    "a step": {
        **_all("id", "name step step_id key"),
        **_all("tool", "action uses function call type kind operation"),
        **_all("code", "run script python python_code source"),
        **_all("params", "with args arguments input inputs parameters kwargs body"),
        **_all("depends_on", "needs after requires dependencies depends dependsOn upstream wait_for"),
        **_all("when", "if condition only_if run_if"),
        **_all("retry", "retries max_retries retry_policy retryPolicy"),
        **_all("on_error", "continue-on-error continue_on_error on_failure onError error_handling catch rescue"),
        **_all("fallback", "default default_output"),
        **_all("timeout", "timeout_seconds timeout_s timeout-minutes"),
        **_all("mcp", "server mcp_server"),
        **_all("for_each", "foreach forEach for-each for each loop with_items withItems matrix map iterate"),
        **_all("repeat", "while loop_until poll polling do_while do_until"),
        **_all("steps", "parallel block group sequence substeps sub_steps children do tasks"),
        **_all("choose", "switch case cases branches choice choices router"),
        **_all("workflow", "subworkflow sub_workflow call_workflow child_workflow workflow_id"),
        **_all("exit", "stop end terminate succeed"),
        **_all("join", "trigger_rule triggerRule wait_policy"),
        **_all("limits", "pool pools semaphore mutex concurrency_group rate_limit queue"),
        **_all("undo", "compensate compensation rollback revert"),
    },
    "`for_each`": {
        **_all("in", "items list over each values of"),
        **_all("as", "item var variable name loop_var itemName item_name"),
        **_all("key", "id item_key"),
        **_all("max_parallel", "parallel concurrency max_concurrency maxConcurrency max_workers limit parallelism"),
        **_all("tolerate", "tolerance max_failures allowed_failures toleratedFailureCount on_error"),
    },
    "`repeat`": {
        **_all("max", "times count limit max_rounds max_iterations maxIterations max_attempts iterations rounds"),
        **_all("until", "condition break_if break_when stop_when exit_condition"),
        **_all("every", "interval delay wait sleep pause period"),
        **_all("collect", "accumulate gather append"),
    },
    "`join`": {
        **_all("at_least", "count n min minimum quorum threshold"),
        **_all("cancel_rest", "cancel cancel_others"),
    },
    "`retry`": {
        **_all("max_attempts", "attempts max_retries retries count limit times maximum_attempts maximumAttempts"),
        **_all("delay", "interval initial_interval initialInterval wait initial wait_seconds base_delay"),
        **_all("multiplier", "factor backoff_factor backoff_coefficient exponential_base"),
        **_all("max_delay", "max_interval maximum_interval max_wait max_backoff"),
        **_all("backoff", "strategy type policy"),
        **_all("on", "retry_on codes errors"),
        **_all("except", "non_retryable non_retryable_errors"),
    },
    "a rule of `on_error`": {
        **_all("match", "code codes error errors error_code on if when type ErrorEquals"),
        **_all("do", "action then"),
        **_all("fallback", "default output"),
    },
    "`timeout`": {**_all("attempt", "seconds per_attempt step"), **_all("total", "overall max"), "heartbeat": "idle"},
    "`undo`": {
        **_all("tool", "action uses function call"),
        **_all("code", "run script python"),
        **_all("params", "with args arguments input inputs parameters"),
        **_all("mcp", "server mcp_server"),
    },
    "`exit`": {**_all("status", "result state"), **_all("reason", "message error"), **_all("outputs", "output")},
    "a branch of `choose`": {
        **_all("when", "if condition case match"),
        **_all("steps", "then do else default otherwise"),
        **_all("output", "outputs"),
    },
    "a pool": {
        **_all("concurrency", "max max_concurrency max_parallel parallel limit size slots permits"),
        **_all("rate", "rate_limit per_minute rpm requests_per_minute"),
    },
}
"""Title of a table → a key of other languages → ours."""

_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d)")
_UNIT = re.compile(r"(milliseconds?|millis|msecs?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?)\b")
_SHORT = {"mi": "m", "mil": "ms", "mse": "ms", "d": "d", "h": "h", "s": "s"}


def foreign_duration(text: str) -> str | None:
    """A duration as others write it (``5 minutes``, ``5min``, ``00:05:00``, ``PT5M``), as ael has it."""
    clock = _CLOCK.fullmatch(text.strip())
    if clock is not None:
        parts = zip(map(int, clock.groups()), "hms", strict=True)
        short = "".join(f"{number}{unit}" for number, unit in parts if number)
    else:
        short = _UNIT.sub(_short_unit, text.casefold().removeprefix("pt"))
        short = re.sub(r"\s|,|\band\b", "", short)
    return short if short != text and parse_duration(short) else None


def _short_unit(found: re.Match[str]) -> str:
    word = found[0]
    return next(_SHORT[word[:length]] for length in (3, 2, 1) if word[:length] in _SHORT)
