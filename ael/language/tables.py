"""The keys of a workflow file, all of them: this is the language's surface in one place.

Keys of later stages stand here by name, so that they are refused as "not supported yet" and not as unknown. What a
key may hold is described by its shape; larger ones stand in modules of their own: ``policies``, ``loops``, ``pools``.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ael.definition import MISSING, Defaults, ExitBody, Path
from ael.language.catalog import structure
from ael.language.inputs import Inputs
from ael.language.loops import FOR_EACH, JOIN, REPEAT, JoinShape, LoopShape, RepeatShape
from ael.language.outputs import Outputs, SingleOutput
from ael.language.policies import FAIL_OR_SKIP, ON_ERROR, RETRY, RULE, TIMEOUT, ErrorRules, Retry, Timeout
from ael.language.pools import POOL, Pools
from ael.language.records import STAGE, Key, Record, Table, read_items, read_record
from ael.language.report import Report
from ael.language.shapes import (
    Anything,
    Choice,
    Condition,
    Count,
    Duration,
    Flag,
    Ignored,
    Names,
    Object,
    Schema,
    Text,
    VersionText,
    refuse_type,
)
from ael.types import JsonValue, OnError

__all__ = [
    "BODIES",
    "BRANCH",
    "DEFAULTS",
    "EXIT",
    "GOES_WITH",
    "STEP",
    "TABLES",
    "UNDO",
    "UNDO_BODIES",
    "WORKFLOW",
    "bodies_now",
]

BODIES = ("tool", "code", "steps", "choose", "workflow", "wait", "exit")
"""A step has exactly one of these."""

UNDO_BODIES = ("tool", "code")
"""An ``undo`` has exactly one of these."""

_WORK = ("tool", "code", "steps", "choose", "workflow")

GOES_WITH: Mapping[str, tuple[str, ...]] = {
    "params": ("tool", "workflow"),
    **dict.fromkeys(("mcp", "parse", "on_missing_tool"), ("tool",)),
    "executor": ("code",),
    "output": ("steps",),
    **dict.fromkeys(("for_each", "repeat", "retry", "on_error", "fallback", "timeout", "limits", "undo"), _WORK),
}
"""Key of a step → the bodies beside which it means something. A key that is not here goes with all of them."""


def bodies_now() -> tuple[str, ...]:
    """The bodies that this version has."""
    return tuple(name for name in BODIES if STEP.rows[name].stage <= STAGE)


@attrs.frozen
class _Steps:
    """A list of steps; each becomes the fields that were read, or ``MISSING``."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        if not isinstance(value, list):
            advice = "write each step as an item, `- id: NAME`, with its keys below"
            return refuse_type(value, "a list of steps", at, report, advice)
        if not value:
            advice = "add a step with an `id` and a `tool` or `code`"
            report.add(structure.ListEmpty(report.what(at), advice), at, key=True)
        return read_items(STEP, value, at, report)

    def schema(self) -> Schema:
        return {"type": "array", "minItems": 1, "items": STEP.reference()}


@attrs.frozen
class _Branches:
    """A list of branches; each becomes the fields that were read, or ``MISSING``."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        if not isinstance(value, list):
            advice = "write each branch as an item, `- when: CONDITION`, with its `steps` below"
            return refuse_type(value, "a list of branches", at, report, advice)
        if not value:
            advice = "add a branch with `when` and `steps`"
            report.add(structure.ListEmpty(report.what(at), advice), at, key=True)
        return read_items(BRANCH, value, at, report)

    def schema(self) -> Schema:
        return {"type": "array", "minItems": 1, "items": BRANCH.reference()}


BRANCH = Table(
    "a branch of `choose`",
    (
        Key("when", "Condition; the last branch can do without.", Condition()),
        Key("steps", "What is done if it is the first that holds.", _Steps(), required=True),
        Key("output", "A template for the branch's output; else that of its last step.", Anything()),
    ),
    ref="branch",
)

_STATUS = Choice(("completed", "failed", "cancelled"))

EXIT = Table(
    "`exit`",
    (
        Key("status", "How the workflow ends; `completed` if not given.", _STATUS),
        Key("reason", "Why, for people; a template.", Text(code=True)),
        Key("outputs", "The workflow's outputs, instead of those of the file.", Object()),
    ),
    ref="exit",
)


@attrs.frozen
class _Exit:
    """A status, or a mapping."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        if isinstance(value, str):
            status = _STATUS.read(value, at, report)
            return status if status is MISSING else ExitBody(status)
        if value is None or isinstance(value, dict):
            return ExitBody(**read_record(EXIT, value or {}, at, report))
        return refuse_type(value, "a status or a mapping", at, report, "write `exit: completed`")

    def schema(self) -> Schema:
        return {"anyOf": [_STATUS.schema(), EXIT.reference(), {"type": "null"}]}


def _one_of(bodies: tuple[str, ...], keys: Mapping[str, tuple[str, ...]]) -> Schema:
    """Exactly one body, and beside it only keys that go with it."""
    return {
        "oneOf": [{"required": [body]} for body in bodies],
        "dependentSchemas": {
            key: {"anyOf": [{"required": [body]} for body in beside if body in bodies]} for key, beside in keys.items()
        },
    }


_TOOL = Key("tool", "The tool to call, `server.tool` or a bare name.", Text())
_CODE = Key("code", "Python for a sandbox; it reads `inputs` and `steps` and returns its output.", Text(code=True))
_EXECUTOR = Key("executor", "What runs the code.", Choice(("safe",), later_words=("trusted",)))
_MCP = Key("mcp", "The server, when `tool` alone is ambiguous.", Text())
_PARSE = Key("parse", "What to make of a tool's text result.", Choice(("auto", "text", "json")))
_TIMEOUT = Key("timeout", "Of each attempt, `none`, or a mapping with `attempt`, `total` and `idle`.", Timeout())

UNDO = Table(
    "`undo`",
    (
        _TOOL,
        Key("code", "Python that takes the step back; it reads `output`, `inputs` and `steps`.", Text(code=True)),
        _EXECUTOR,
        Key("params", "The tool's parameters; every string is a template, which sees `output`.", Object()),
        _MCP,
        _PARSE,
        Key("retry", "A number of attempts, or how to retry.", Retry()),
        _TIMEOUT,
    ),
    ref="undo",
    rules=_one_of(UNDO_BODIES, {key: GOES_WITH[key] for key in ("params", "mcp", "parse", "executor")}),
)

STEP = Table(
    "a step",
    (
        Key("id", "The name by which others depend on it and read it.", Text(), required=True),
        _TOOL,
        _CODE,
        _EXECUTOR,
        Key("steps", "Steps that make one: a block.", _Steps()),
        Key("output", "A template for the block's output; else that of its last step.", Anything()),
        Key("choose", "Branches; the first whose `when` holds is taken.", _Branches()),
        Key("workflow", "Another workflow to run, by its name; `self` is this one.", Text()),
        Key("exit", "End the workflow: `completed`, `failed` or `cancelled`.", _Exit()),
        Key("params", "Parameters of the tool, or inputs of the workflow; every string is a template.", Object()),
        _MCP,
        _PARSE,
        Key("depends_on", "Id or ids of steps that must settle first.", Names()),
        Key("join", "How many of them must have completed: `all`, `any`, `settled`, or a mapping.", JoinShape()),
        Key("when", "Condition without braces; the step is not taken when it is false.", Condition()),
        Key("for_each", "Once per item of a list, side by side.", LoopShape()),
        Key("repeat", "Round after round, until a condition holds.", RepeatShape()),
        Key("retry", "A number of attempts, or how to retry.", Retry()),
        Key("on_error", "What a failure does: stop, skip the step, or retry it; or rules by error code.", ErrorRules()),
        Key("fallback", "The output when the step is skipped.", Anything()),
        _TIMEOUT,
        Key("on_missing_tool", "What to do when no known source offers the tool.", FAIL_OR_SKIP),
        Key("limits", "Names of pools in which an attempt takes a place.", Names()),
        Key("undo", "How to take the step back, with `on_failure: undo`.", Record(UNDO)),
        *(Key(name, "", stage=4) for name in ("wait", "effect", "verify", "cache")),
    ),
    ref="step",
    rules=_one_of(tuple(body for body in BODIES if body != "wait"), GOES_WITH),
)


def _defaults(fields: dict[str, JsonValue]) -> Defaults:
    on_error = fields.pop("on_error", None)
    return Defaults(on_error=None if on_error is None else OnError(on_error), **fields)


DEFAULTS = Table(
    "`defaults`",
    (
        Key("timeout", "Of every tool and code step that has none of its own.", Timeout()),
        Key("on_error", "Of every tool and code step that has none of its own.", ON_ERROR),
        Key("retry", "Of every tool and code step that has none of its own.", Retry()),
    ),
)

WORKFLOW = Table(
    "the workflow",
    (
        Key("name", "The workflow's id.", Text(), required=True),
        Key("version", "Any text; 1.0.0 if not given.", VersionText()),
        Key("description", "For people, and for agents that see the workflow as a tool.", Text(blank=True)),
        Key("tags", "For people.", Names()),
        Key("inputs", "What an execution is given: name → JSON Schema.", Inputs()),
        Key("defaults", "`timeout`, `on_error` and `retry` of tool and code steps.", Record(DEFAULTS, _defaults)),
        Key("timeout", "Of the whole execution.", Duration(timeout=True)),
        Key("max_parallel", "Most attempts of one execution at once.", Count(1)),
        Key("sequential", "Whether each step also waits for the one before it.", Flag()),
        Key("steps", "What is done.", _Steps(), required=True),
        Key("outputs", "Name → template.", Outputs()),
        Key("output", "One output, named `output`.", SingleOutput(), field="single_output"),
        Key("limits", "Pools, by name: how many attempts of all executions may run, and start, at once.", Pools()),
        Key("on_failure", "`undo`: when the workflow fails, completed steps are taken back.", Choice(("undo",))),
        Key("finally", "Steps that are done at the end, whatever happened.", _Steps()),
        Key("packages", "Of old files; ignored.", Ignored()),
    ),
)

TABLES = (FOR_EACH, REPEAT, JOIN, RETRY, TIMEOUT, WORKFLOW, STEP, DEFAULTS, RULE, UNDO, POOL, BRANCH, EXIT)
"""All of them; where several have a key that was misplaced, the first is named."""

for _table in TABLES:
    _table.others.extend(other for other in TABLES if other is not _table)
