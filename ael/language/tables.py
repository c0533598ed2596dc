"""The keys of a workflow file, all of them: this is the language's surface in one place.

Keys of later stages stand here by name, so that they are refused as "not supported yet" and not as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ael.definition import MISSING, Defaults, Path
from ael.language.catalog import structure
from ael.language.inputs import Inputs
from ael.language.outputs import Outputs, SingleOutput
from ael.language.records import Key, Record, Table
from ael.language.report import Report
from ael.language.shapes import (
    Amount,
    Anything,
    Choice,
    Condition,
    Count,
    Duration,
    Flag,
    Ignored,
    Jitter,
    Names,
    Object,
    Schema,
    Text,
    VersionText,
    refuse_type,
)
from ael.types import Backoff, JsonValue, OnError, RetryConfig, TimeoutConfig

__all__ = ["BODIES", "DEFAULTS", "RETRY", "STEP", "TIMEOUT", "WORKFLOW"]

_FAIL_OR_SKIP = Choice(("fail", "skip"))
_ON_ERROR = Choice(("fail", "skip", "retry"), {"continue": "skip"}, later="a list of rules in `on_error`")

RETRY = Table(
    "`retry`",
    (
        Key("max_attempts", "All attempts, the first included; 3 if not given.", Count(1)),
        Key("backoff", "How the wait grows: d, d*m, d*m*m | d, 2d, 3d | d, d, d.", Choice(tuple(Backoff))),
        Key(
            "delay",
            "Before the second attempt; 1 s if not given.",
            Duration(),
            old_names=("delay_seconds", "initial_delay"),
        ),
        Key("multiplier", "Growth of an exponential wait; 2.", Amount(0), old_names=("backoff_multiplier",)),
        Key("max_delay", "What no wait exceeds, before jitter; 60 s.", Duration()),
        Key("jitter", "`none`, `full`, or a fraction; 0.1: up to 10 % more.", Jitter()),
        Key("on", "Error codes that are retried; without it all that are retryable.", Names()),
        Key("except", "Error codes that are not retried.", Names(), field="except_"),
        Key("on_exhausted", "What `on_error: retry` does when no attempt is left.", _FAIL_OR_SKIP),
    ),
)
TIMEOUT = Table(
    "`timeout`",
    (
        Key("attempt", "Of one attempt, from the start of the call.", Duration(timeout=True)),
        Key("total", "Of the whole step, waits included.", Duration(timeout=True)),
        Key("idle", "Reset by progress.", stage=2),
    ),
)


def _retry(fields: Mapping[str, JsonValue]) -> RetryConfig:
    words = {"backoff": Backoff, "on_exhausted": OnError}
    typed: dict[str, JsonValue] = {name: words[name](fields[name]) for name in words if name in fields}
    return RetryConfig(**{**fields, **typed})


@attrs.frozen
class _Retry:
    """A number of attempts, or a mapping."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        if isinstance(value, dict):
            return Record(RETRY, _retry).read(value, at, report)
        if isinstance(value, int) and not isinstance(value, bool):
            attempts = Count(1).read(value, at, report)
            return attempts if attempts is MISSING else RetryConfig(max_attempts=attempts)
        advice = "write how many attempts there are in all, such as `retry: 3`"
        return refuse_type(value, "a number of attempts or a mapping", at, report, advice)

    def schema(self) -> Schema:
        return {"anyOf": [Count(1).schema(), RETRY.schema()]}


@attrs.frozen
class _Timeout:
    """A duration for the attempt, ``none``, or a mapping."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        if isinstance(value, dict):
            return Record(TIMEOUT, lambda fields: TimeoutConfig(**fields)).read(value, at, report)
        attempt = Duration(timeout=True).read(value, at, report)
        return attempt if attempt is MISSING else TimeoutConfig(attempt=attempt)

    def schema(self) -> Schema:
        return {"anyOf": [Duration(timeout=True).schema(), TIMEOUT.schema()]}


def _defaults(fields: dict[str, JsonValue]) -> Defaults:
    on_error = fields.pop("on_error", None)
    return Defaults(on_error=None if on_error is None else OnError(on_error), **fields)


DEFAULTS = Table(
    "`defaults`",
    (
        Key("timeout", "Of every step that has none of its own.", _Timeout()),
        Key("on_error", "Of every step that has none of its own.", _ON_ERROR),
        Key("retry", "Of every step that has none of its own.", _Retry()),
    ),
)

BODIES = ("tool", "code", "steps", "choose", "workflow", "wait", "exit")
"""A step has exactly one of these."""

STEP = Table(
    "a step",
    (
        Key("id", "The name by which others depend on it and read it.", Text(), required=True),
        Key("tool", "The tool to call, `server.tool` or a bare name.", Text()),
        Key(
            "code", "Python to run in a sandbox; it reads `inputs` and `steps` and returns its output.", Text(code=True)
        ),
        Key("executor", "What runs the code.", Choice(("safe",), later_words=("trusted",))),
        Key("params", "The tool's parameters; every string is a template.", Object()),
        Key("mcp", "The server, when `tool` alone is ambiguous.", Text()),
        Key("parse", "What to make of a tool's text result.", Choice(("auto", "text", "json"))),
        Key("depends_on", "Id or ids of steps that must settle first.", Names()),
        Key("when", "Condition without braces; the step is not taken when it is false.", Condition()),
        Key("retry", "A number of attempts, or how to retry.", _Retry()),
        Key("on_error", "What a failure does: stop, skip the step, or retry it.", _ON_ERROR),
        Key("fallback", "The output when the step is skipped.", Anything()),
        Key("timeout", "Of each attempt, `none`, or a mapping with `attempt` and `total`.", _Timeout()),
        Key("on_missing_tool", "What to do when no known source offers the tool.", _FAIL_OR_SKIP),
        *(Key(name, "", stage=2) for name in ("steps", "choose", "workflow", "exit", "join", "for_each", "repeat")),
        *(Key(name, "", stage=2) for name in ("undo", "limits", "output")),
        *(Key(name, "", stage=4) for name in ("wait", "effect", "verify", "cache")),
    ),
)


@attrs.frozen
class _Steps:
    """A list of steps; each becomes the fields that were read, or ``MISSING``."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        if not isinstance(value, list):
            advice = "write each step as an item, `- id: NAME`, with its keys below"
            return refuse_type(value, "a list of steps", at, report, advice)
        if not value:
            report.add(structure.StepsEmpty(), at, key=True)
        record = Record(STEP)
        return [
            MISSING if item is MISSING else record.read({} if item is None else item, (*at, index), report)
            for index, item in enumerate(value)
        ]

    def schema(self) -> Schema:
        bodies = [{"required": [name]} for name in BODIES[:2]]
        return {"type": "array", "minItems": 1, "items": {**STEP.schema(), "oneOf": bodies}}


WORKFLOW = Table(
    "the workflow",
    (
        Key("name", "The workflow's id.", Text(), required=True),
        Key("version", "Any text; 1.0.0 if not given.", VersionText()),
        Key("description", "For people, and for agents that see the workflow as a tool.", Text(blank=True)),
        Key("tags", "For people.", Names()),
        Key("inputs", "What an execution is given: name → JSON Schema.", Inputs()),
        Key("defaults", "`timeout`, `on_error` and `retry` of all steps.", Record(DEFAULTS, _defaults)),
        Key("timeout", "Of the whole execution.", Duration(timeout=True)),
        Key("max_parallel", "Most attempts of one execution at once.", Count(1)),
        Key("sequential", "Whether each step also waits for the one before it.", Flag()),
        Key("steps", "What is done.", _Steps(), required=True),
        Key("outputs", "Name → template.", Outputs()),
        Key("output", "One output, named `output`.", SingleOutput(), field="single_output"),
        Key("packages", "Of old files; ignored.", Ignored()),
        Key("limits", "", stage=2),
        Key("on_failure", "", stage=2),
        Key("finally", "", stage=2),
    ),
)

_NESTED = (WORKFLOW, STEP, DEFAULTS, RETRY, TIMEOUT)
for _table in _NESTED:
    _table.others.extend(other for other in _NESTED if other is not _table)
