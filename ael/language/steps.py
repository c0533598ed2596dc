"""One step: its fields as the table read them -> its definition, and the rules that span several keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import attrs

from ael.definition import MISSING, Body, CodeBody, Defaults, Path, StepDefinition, ToolBody
from ael.language.aliases import note_code, note_server, python_exec
from ael.language.catalog import listing, structure
from ael.language.records import meant_key
from ael.language.report import Report
from ael.language.tables import BODIES, STEP
from ael.types import JsonValue, OnError

__all__ = ["Draft", "build_step"]

_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_STRANGE_TO = {
    "code": ("tool", ("params", "mcp", "parse", "on_missing_tool")),
    "tool": ("code", ("executor",)),
}
"""Body → the other body, and the keys that mean something only beside that."""
_NO_BODY = ToolBody("")
"""Stands in for a body that could not be read; no check looks at it."""


@attrs.frozen
class Draft:
    """A step on its way to its definition.

    Attributes:
        raw: The mapping in the document.
        fields: What the table made of it; keys with problems are missing.
    """

    raw: Mapping[str, JsonValue]
    fields: Mapping[str, JsonValue]
    at: Path
    defaults: Defaults
    report: Report

    @property
    def where(self) -> str:
        """The step in words."""
        return self.report.what(self.at)

    def path(self, key: str) -> Path:
        """The path of one of its keys."""
        return (*self.at, key)

    @property
    def on_error(self) -> OnError:
        """What a failure does, the workflow's default included."""
        given = self.fields.get("on_error")
        return OnError(given) if given is not None else self.defaults.on_error or OnError.FAIL


def build_step(draft: Draft, step_id: str) -> StepDefinition:
    """The step's definition under an id that is unique already."""
    for rule in _RULES:
        rule(draft)
    fields = draft.fields
    given = fields.get("on_error")
    return StepDefinition(
        id=step_id,
        body=_body(draft),
        depends_on=fields.get("depends_on", ()),
        when=fields.get("when"),
        on_error=None if given is None else OnError(given),
        retry=fields.get("retry"),
        timeout=fields.get("timeout"),
        fallback=fields.get("fallback", MISSING),
        on_missing_tool=OnError(fields.get("on_missing_tool", "fail")),
        path=draft.at,
    )


def _body(draft: Draft) -> Body:
    fields = draft.fields
    if "tool" in fields and "code" not in draft.raw:
        if fields["tool"] == "python_exec" and fields.get("mcp") in {None, "system"}:
            return python_exec(fields.get("params", {}), draft.at, draft.report) or _NO_BODY
        if "mcp" in fields:
            note_server(fields["mcp"], fields["tool"], draft.at, draft.report)
        return ToolBody(fields["tool"], fields.get("params", {}), fields.get("mcp"), fields.get("parse", "auto"))
    if "code" in fields:
        note_code(fields["code"], draft.path("code"), draft.report)
        return CodeBody(fields["code"], fields.get("executor", "safe"))
    return _NO_BODY


def _id_is_a_name(draft: Draft) -> None:
    step_id = draft.fields.get("id")
    if step_id is None:
        return
    if not _ID.fullmatch(step_id):
        problem = structure.NameInvalid("the id of a step", step_id, "a letter or '_'")
        draft.report.add(problem, draft.path("id"))
    elif step_id.startswith("__"):
        draft.report.add(structure.IdReserved(step_id), draft.path("id"))


def _one_body(draft: Draft) -> None:
    bodies = tuple(f"`{name}`" for name in BODIES if name in draft.raw)
    if not bodies and not any(meant_key(STEP, name, draft.raw) in BODIES for name in draft.raw):
        draft.report.add(structure.BodyMissing(draft.where), draft.at)
    elif len(bodies) > 1:
        draft.report.add(structure.SeveralBodies(draft.where, listing(bodies)), draft.path(bodies[1][1:-1]), key=True)


def _keys_of_the_body(draft: Draft) -> None:
    bodies = [name for name in BODIES if name in draft.raw]
    if len(bodies) != 1 or bodies[0] not in _STRANGE_TO:
        return
    other, keys = _STRANGE_TO[bodies[0]]
    for key in keys:
        if key in draft.raw:
            draft.report.add(structure.KeyMisplaced(draft.where, key, other), draft.path(key), key=True)


def _fallback_is_reachable(draft: Draft) -> None:
    if "fallback" not in draft.raw:
        return
    retry = draft.fields.get("retry") or draft.defaults.retry
    exhausted = retry is not None and retry.on_exhausted is OnError.SKIP
    on_error = draft.on_error
    reachable = (
        on_error is OnError.SKIP
        or (on_error is OnError.RETRY and exhausted)
        or draft.fields.get("on_missing_tool") == "skip"
        or "when" in draft.raw
        or _is_broken(draft, "on_error", "retry", "on_missing_tool")
    )
    if not reachable:
        draft.report.add(structure.FallbackUnreachable(draft.where), draft.path("fallback"), key=True)


def _on_exhausted_counts(draft: Draft) -> None:
    retry = draft.raw.get("retry")
    if not isinstance(retry, dict) or "on_exhausted" not in retry or "retry" not in draft.fields:
        return
    if draft.on_error is not OnError.RETRY and not _is_broken(draft, "on_error"):
        path = (*draft.path("retry"), "on_exhausted")
        value = draft.fields["retry"].on_exhausted
        draft.report.add(structure.OnExhaustedUnused(draft.report.what(path), value), path, key=True)


def _is_broken(draft: Draft, *keys: str) -> bool:
    """Whether one of the keys is there but could not be read, so that what follows from it is unknown."""
    return any(key in draft.raw and key not in draft.fields for key in keys)


_RULES: tuple[Callable[[Draft], None], ...] = (
    _id_is_a_name,
    _one_body,
    _keys_of_the_body,
    _fallback_is_reachable,
    _on_exhausted_counts,
)
