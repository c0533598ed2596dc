"""Blocks of steps: their fields as the tables read them -> their definitions, at every depth.

A definition is made of whatever could be read. What is broken has been reported and leaves a stand-in in its place,
so that numbers stay those of the document and one mistake is not reported as many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from ael.definition import (
    MISSING,
    BlockBody,
    Body,
    Branch,
    ChooseBody,
    CodeBody,
    ErrorRule,
    Path,
    StepDefinition,
    ToolBody,
    Undo,
    WorkflowBody,
)
from ael.language.aliases import note_code, note_server, python_exec
from ael.language.catalog import structure
from ael.language.drafts import Around, Draft
from ael.language.report import Report
from ael.language.rules import check_step
from ael.types import JsonValue, OnError

__all__ = ["build_steps", "first_places"]

_NO_BODY = ToolBody("")
"""Stands in for a body that could not be read; no check looks at it."""


@attrs.frozen
class _Place:
    """Where a block's steps are, and what stands around them."""

    at: Path
    around: Around
    report: Report


def build_steps(
    raw: JsonValue,
    read: list[JsonValue],
    at: Path,
    around: Around,
    report: Report,
    *,
    taken: Mapping[str, Path] | None = None,
) -> tuple[StepDefinition, ...]:
    """The steps of one block, and all in them. One that has no id, or one that is taken, gets one nobody can name.

    Args:
        raw: The block's list in the document.
        read: What the table made of it.
        taken: Ids that steps elsewhere have and that no step here may have, and where these are.
    """
    return tuple(_steps(raw, read, _Place(at, around, report), dict(taken or {})))


def first_places(read: list[JsonValue], at: Path) -> dict[str, Path]:
    """Every id of a block, and where the first step with it stands."""
    places: dict[str, Path] = {}
    for index, fields in enumerate(read):
        if fields is not MISSING and "id" in fields:
            places.setdefault(fields["id"], (*at, index, "id"))
    return places


def _steps(raw: JsonValue, read: list[JsonValue], place: _Place, taken: dict[str, Path]) -> Iterator[StepDefinition]:
    own: set[str] = set()
    for index, fields in enumerate(read):
        if fields is MISSING:
            continue
        step_id = fields.get("id")
        path = (*place.at, index)
        if step_id in taken:
            _report_duplicate(step_id, taken[step_id], (*path, "id"), place.report)
        elif step_id is not None:
            taken[step_id] = (*path, "id")
        usable = step_id is not None and step_id not in own
        if step_id is not None:
            own.add(step_id)
        draft = Draft(raw[index] or {}, fields, path, place.around, place.report)
        yield _step(draft, str(step_id) if usable else f"{step_id or ''}#{index + 1}")


def _report_duplicate(step_id: str, first: Path, at: Path, report: Report) -> None:
    place = report.place(first)
    report.add(structure.DuplicateId(step_id, place.line if place is not None else "?"), at)


def _step(draft: Draft, step_id: str) -> StepDefinition:
    check_step(draft)
    fields = draft.fields
    on_error = fields.get("on_error")
    return StepDefinition(
        id=step_id,
        body=_body(draft, _inside(draft, step_id)),
        depends_on=fields.get("depends_on", ()),
        when=fields.get("when"),
        on_error=None if isinstance(on_error, list) else on_error,
        retry=fields.get("retry"),
        timeout=fields.get("timeout"),
        fallback=fields.get("fallback", MISSING),
        on_missing_tool=OnError(fields.get("on_missing_tool", "fail")),
        error_rules=tuple(_error_rules(draft)) if isinstance(on_error, list) else (),
        join=fields.get("join"),
        for_each=fields.get("for_each"),
        repeat=fields.get("repeat"),
        undo=_undo(draft),
        limits=fields.get("limits", ()),
        path=draft.at,
    )


def _inside(draft: Draft, step_id: str) -> Around:
    """What stands around the steps in a step."""
    around, loop = draft.around, draft.fields.get("for_each")
    items = around.items if loop is None else {**around.items, loop.name: step_id}
    return attrs.evolve(around, owners=(*around.owners, step_id), items=items)


def _error_rules(draft: Draft) -> Iterator[ErrorRule]:
    for number, rule in enumerate(draft.fields["on_error"]):
        path = draft.path("on_error", number)
        if rule is MISSING or "do" not in rule:
            yield ErrorRule(OnError.FAIL, path=path)
        else:
            yield ErrorRule(**{**rule, "do": OnError(rule["do"])}, path=path)


def _body(draft: Draft, inside: Around) -> Body:
    fields, report = draft.fields, draft.report
    match draft.body:
        case "steps" if "steps" in fields:
            at = draft.path("steps")
            steps = build_steps(draft.raw["steps"], fields["steps"], at, inside, report)
            return BlockBody(steps, fields.get("output", MISSING))
        case "choose" if "choose" in fields:
            return ChooseBody(tuple(_branches(draft, inside)))
        case "workflow" if "workflow" in fields:
            return WorkflowBody(fields["workflow"], fields.get("params", {}))
        case "exit" if "exit" in fields:
            exit_body: Body = fields["exit"]
            return exit_body
        case _:
            return _calling_body(draft.raw, fields, draft.at, report)


def _branches(draft: Draft, inside: Around) -> Iterator[Branch]:
    for number, branch in enumerate(draft.fields["choose"]):
        path = draft.path("choose", number)
        if branch is MISSING:
            yield Branch((), path=path)
            continue
        steps: tuple[StepDefinition, ...] = ()
        if "steps" in branch:
            raw = draft.raw["choose"][number]["steps"]
            steps = build_steps(raw, branch["steps"], (*path, "steps"), inside, draft.report)
        yield Branch(steps, branch.get("when"), branch.get("output", MISSING), path)


def _calling_body(
    raw: Mapping[str, JsonValue], fields: Mapping[str, JsonValue], at: Path, report: Report
) -> ToolBody | CodeBody:
    """The body of a step or of an ``undo`` that calls a tool or runs code."""
    if "tool" in fields and "code" not in raw:
        if fields["tool"] == "python_exec" and fields.get("mcp") in {None, "system"}:
            return python_exec(fields.get("params", {}), at, report) or _NO_BODY
        if "mcp" in fields:
            note_server(fields["mcp"], fields["tool"], at, report)
        return ToolBody(fields["tool"], fields.get("params", {}), fields.get("mcp"), fields.get("parse", "auto"))
    if "code" in fields:
        note_code(fields["code"], (*at, "code"), report)
        return CodeBody(fields["code"], fields.get("executor", "safe"))
    return _NO_BODY


def _undo(draft: Draft) -> Undo | None:
    fields = draft.fields.get("undo")
    if fields is None:
        return None
    body = _calling_body(draft.raw["undo"] or {}, fields, draft.path("undo"), draft.report)
    return Undo(body, fields.get("retry"), fields.get("timeout"))
