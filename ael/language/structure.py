"""A document -> the definition of a workflow, with all problems of its structure together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import attrs

from ael.definition import MISSING, Defaults, OutputDefinition, WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.language.catalog import structure
from ael.language.drafts import Around, ReadStep, walk_read
from ael.language.failure_rules import can_skip_itself, retry_counts
from ael.language.reader import Document, read_document
from ael.language.records import read_record
from ael.language.report import Report
from ael.language.shapes import describe
from ael.language.steps import build_steps, first_places
from ael.language.tables import WORKFLOW
from ael.types import JsonValue, OnError

__all__ = ["parse"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def parse(text: str, *, filename: str = "<string>") -> tuple[WorkflowDefinition | None, list[Diagnostic]]:
    """Read a workflow from YAML or JSON text; never raises for what is wrong in it.

    Returns:
        What could be read, ``None`` if nothing could; and all problems, in the order of the file. With errors
        among them the definition is for further checks only: it stands for as much as could be read.
    """
    report = Report()
    document = read_document(text, filename, report)
    definition = None if document is None else _definition(document, report)
    return definition, sorted(report.diagnostics, key=lambda found: (found.line or 0, found.column or 0))


def _definition(document: Document, report: Report) -> WorkflowDefinition | None:
    value = document.value
    report.spans = document.spans
    report.document = value
    if not isinstance(value, dict):
        if value is not MISSING:
            report.add(structure.TypeWrong("a workflow", "a mapping with `name` and `steps`", describe(value)), ())
        return None
    if _is_wrapped(value):
        (name,) = value
        problem = structure.KeyUnknown("the workflow", name, None, "move its keys to the top of the file")
        report.add(problem, (name,), key=True)
        return None
    fields = read_record(WORKFLOW, value, (), report)
    defaults: Defaults = fields.get("defaults", Defaults())
    _check_name(fields.get("name"), report)
    steps, ending = fields.get("steps", []), fields.get("finally", [])
    _check_default_exhausted(value, fields, report)
    around = _around(value, fields)
    taken = first_places(steps, ("steps",))
    single = "single_output" in fields
    return WorkflowDefinition(
        name=fields.get("name", "workflow"),
        steps=build_steps(value.get("steps"), steps, ("steps",), around, report),
        version=fields.get("version", "1.0.0"),
        description=fields.get("description"),
        tags=fields.get("tags", ()),
        inputs=fields.get("inputs", ()),
        defaults=defaults,
        timeout=fields.get("timeout"),
        max_parallel=fields.get("max_parallel"),
        sequential=fields.get("sequential", False),
        outputs=_outputs(value, fields, report),
        single_output=single and "outputs" not in value,
        limits=fields.get("limits", ()),
        undo_on_failure=around.undoes,
        finally_steps=build_steps(
            value.get("finally"), ending, ("finally",), attrs.evolve(around, ending=True), report, taken=taken
        ),
        notes=tuple(found for found in report.diagnostics if not found.is_error),
        source=document.source,
        spans=document.spans,
    )


def _is_wrapped(value: Mapping[str, JsonValue]) -> bool:
    """Whether the whole workflow stands below one key, as in ``workflow: {name: …, steps: …}``."""
    inner = next(iter(value.values()), None)
    return len(value) == 1 and isinstance(inner, dict) and "steps" in inner


def _check_name(name: str | None, report: Report) -> None:
    if name is not None and not _NAME.fullmatch(name):
        report.add(structure.NameInvalid("the name of a workflow", name, "a letter"), ("name",))


def _outputs(
    value: Mapping[str, JsonValue], fields: Mapping[str, JsonValue], report: Report
) -> tuple[OutputDefinition, ...]:
    if "outputs" in value and "output" in value:
        report.add(structure.KeysExclude(report.what(()), "outputs", "output"), ("output",), key=True)
    single: tuple[OutputDefinition, ...] = fields.get("single_output", ())
    outputs: tuple[OutputDefinition, ...] = fields.get("outputs", ())
    return outputs if "outputs" in value else single


def _around(value: Mapping[str, JsonValue], fields: Mapping[str, JsonValue]) -> Around:
    """What stands around the steps of the workflow."""
    defaults: Defaults = fields.get("defaults", Defaults())
    skipping = {path for raw, read, path in _all_steps(value, fields) if can_skip_itself(raw, read, defaults)}
    pools = tuple(pool.name for pool in fields.get("limits", ()))
    return Around(defaults, pools, skipping, undoes=fields.get("on_failure") == "undo")


def _all_steps(value: Mapping[str, JsonValue], fields: Mapping[str, JsonValue]) -> Iterator[ReadStep]:
    for key in ("steps", "finally"):
        yield from walk_read(value.get(key), fields.get(key, []), (key,))


def _check_default_exhausted(value: Mapping[str, JsonValue], fields: Mapping[str, JsonValue], report: Report) -> None:
    """``on_exhausted`` of the defaults counts if they retry on error, or any step that takes it does."""
    defaults: Defaults = fields.get("defaults", Defaults())
    raw = value.get("defaults")
    retry = raw.get("retry") if isinstance(raw, dict) else None
    if not isinstance(retry, dict) or "on_exhausted" not in retry or defaults.retry is None:
        return
    if defaults.on_error is OnError.RETRY:
        return
    if not any(retry_counts(step, read, defaults, own=False) for step, read, _ in _all_steps(value, fields)):
        path = ("defaults", "retry", "on_exhausted")
        report.add(structure.OnExhaustedUnused(report.what(path), defaults.retry.on_exhausted), path, key=True)
