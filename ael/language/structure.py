"""A document -> the definition of a workflow, with all problems of its structure together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ael.definition import MISSING, Defaults, OutputDefinition, StepDefinition, WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.language.catalog import structure
from ael.language.reader import Document, read_document
from ael.language.records import read_record
from ael.language.report import Report
from ael.language.shapes import describe
from ael.language.steps import Draft, build_step
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
    steps = tuple(_steps(value.get("steps"), fields.get("steps", []), defaults, report))
    _check_default_exhausted(value.get("defaults"), defaults, steps, report)
    single = "single_output" in fields
    return WorkflowDefinition(
        name=fields.get("name", "workflow"),
        steps=steps,
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


def _steps(raw: JsonValue, read: list[JsonValue], defaults: Defaults, report: Report) -> Iterator[StepDefinition]:
    """Every step under an id of its own: one that has none, or one that is taken, gets one nobody can name."""
    first: dict[str, int] = {}
    for index, fields in enumerate(read):
        if fields is MISSING:
            continue
        step_id = fields.get("id")
        if step_id in first:
            _report_duplicate(step_id, first[step_id], index, report)
        elif step_id is not None:
            first[step_id] = index
        draft = Draft(raw[index] or {}, fields, ("steps", index), defaults, report)
        usable = step_id is not None and first[step_id] == index
        yield build_step(draft, str(step_id) if usable else f"{step_id or ''}#{index + 1}")


def _report_duplicate(step_id: str, first: int, index: int, report: Report) -> None:
    place = report.place(("steps", first, "id"))
    line = place.line if place is not None else "?"
    report.add(structure.DuplicateId(step_id, line), ("steps", index, "id"))


def _check_default_exhausted(
    raw: JsonValue, defaults: Defaults, steps: tuple[StepDefinition, ...], report: Report
) -> None:
    """``on_exhausted`` of the defaults counts if any step retries on error."""
    retry = raw.get("retry") if isinstance(raw, dict) else None
    if not isinstance(retry, dict) or "on_exhausted" not in retry or defaults.retry is None:
        return
    policies = {step.on_error or defaults.on_error for step in steps}
    if OnError.RETRY not in policies and defaults.on_error is not OnError.RETRY:
        path = ("defaults", "retry", "on_exhausted")
        report.add(structure.OnExhaustedUnused(report.what(path), defaults.retry.on_exhausted), path, key=True)
