"""The rules of a step that span several of its keys, or concern where it stands."""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs

from ael.definition import MISSING, ForEach, Join
from ael.language.catalog import composition, listing, structure
from ael.language.drafts import Draft, Fields, misplaced
from ael.language.failure_rules import check_error_rules, check_fallback, check_on_exhausted
from ael.language.records import Table, meant_key
from ael.language.suggest import nearest
from ael.language.tables import BODIES, GOES_WITH, STEP, UNDO, UNDO_BODIES, bodies_now

__all__ = ["check_step"]

_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORKFLOW = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def check_step(draft: Draft) -> None:
    """Report everything that is wrong with a step beyond its single keys."""
    for rule in _RULES:
        rule(draft)


def _id_is_a_name(draft: Draft) -> None:
    step_id = draft.fields.get("id")
    if step_id is None:
        return
    if not _ID.fullmatch(step_id):
        problem = structure.NameInvalid("the id of a step", step_id, "a letter or '_'")
        draft.report.add(problem, draft.path("id"))
    elif step_id.startswith("__"):
        draft.report.add(structure.IdReserved(step_id), draft.path("id"))
    elif step_id in draft.around.owners:
        draft.report.add(composition.IdTakenAround(step_id), draft.path("id"))


def _quoted(names: tuple[str, ...]) -> str:
    return listing(tuple(f"`{name}`" for name in names))


@attrs.frozen
class _Choosing:
    """Of which bodies one is chosen, by which table, and in words that there is none."""

    table: Table
    bodies: tuple[str, ...]
    none: str


def _meant(table: Table, name: str, raw: Fields) -> str | None:
    """The key that an unknown one was probably meant to be; it was reported as that already."""
    if name in table.rows:
        return None
    return meant_key(table, name, raw) or nearest(name, table.rows)


def _one_body(choosing: _Choosing, draft: Draft) -> None:
    found = tuple(name for name in choosing.bodies if name in draft.raw)
    table = choosing.table
    if not found and not any(_meant(table, name, draft.raw) in choosing.bodies for name in draft.raw):
        draft.report.add(structure.BodyMissing(draft.where, choosing.none), draft.at)
    elif len(found) > 1:
        draft.report.add(structure.SeveralBodies(draft.where, _quoted(found)), draft.path(found[1]), key=True)
    else:
        _keys_beside(choosing, found, draft)


def _keys_beside(choosing: _Choosing, found: tuple[str, ...], draft: Draft) -> None:
    """Keys that mean nothing beside the one body there is."""
    for key in draft.raw if found else ():
        beside = GOES_WITH.get(key)
        if beside is not None and found[0] not in beside and key in choosing.table.rows:
            misplaced(draft, key, _quoted(tuple(body for body in beside if body in choosing.bodies)))


def _body(draft: Draft) -> None:
    _one_body(_Choosing(STEP, BODIES, f"none of {_quoted(bodies_now())}"), draft)


def _join_counts(draft: Draft) -> None:
    join: Join | None = draft.fields.get("join")
    if join is None or draft.is_broken("depends_on"):
        return
    named = len(set(draft.fields.get("depends_on", ())))
    if not named:
        draft.report.add(composition.JoinAlone(draft.where), draft.path("join"), key=True)
    elif join.at_least is not None and join.at_least > named:
        path = draft.path("join", "at_least")
        draft.report.add(composition.JoinUnreachable(draft.report.what(path), join.at_least, named), path)


def _idle_tool(draft: Draft) -> None:
    timeout = draft.raw.get("timeout")
    if isinstance(timeout, dict) and "idle" in timeout and draft.body not in {"tool", None, "exit"}:
        misplaced(draft, "idle", "`tool`", "timeout")


def _pools_are_declared(draft: Draft) -> None:
    limits = draft.raw.get("limits")
    for number, name in enumerate(draft.fields.get("limits", ())):
        if name not in draft.around.pools:
            path = draft.path("limits", number) if isinstance(limits, list) else draft.path("limits")
            near = nearest(name, draft.around.pools)
            fix = None if near is None else draft.report.replace(path, near, f"write `{near}`")
            fix = None if fix is None else attrs.evolve(fix, safe=False)
            draft.report.add(composition.PoolUndeclared(draft.where, name, near), path, fix=fix)


def _branches_are_reachable(draft: Draft) -> None:
    for number, branch in enumerate(draft.fields.get("choose", ())[:-1]):
        if branch is not MISSING and "when" not in (draft.raw["choose"][number] or {}):
            what, earlier = (draft.report.what(draft.path("choose", n)) for n in (number + 1, number))
            problem = composition.BranchUnreachable(what, earlier.partition(" of ")[0])
            draft.report.add(problem, draft.path("choose", number + 1))
            return


def _items_have_their_own_name(draft: Draft) -> None:
    loop: ForEach | None = draft.fields.get("for_each")
    if loop is None or loop.name not in draft.around.items:
        return
    raw = draft.raw["for_each"]
    named = isinstance(raw, dict) and "as" in raw
    path = draft.path("for_each", "as") if named else draft.path("for_each")
    reason = f"the loop {draft.around.items[loop.name]!r} around it calls its items so"
    what = draft.report.what(draft.path("for_each", "as"))
    draft.report.add(composition.ItemNameTaken(what, loop.name, reason), path, key=not named)


def _workflow_is_a_name(draft: Draft) -> None:
    name = draft.fields.get("workflow")
    if name is not None and not _WORKFLOW.fullmatch(name):
        problem = structure.NameInvalid("the name of a workflow", name, "a letter")
        draft.report.add(problem, draft.path("workflow"))


def _place_in_finally(draft: Draft) -> None:
    if not draft.around.ending:
        return
    if "exit" in draft.raw:
        draft.report.add(composition.ExitInFinally(draft.where), draft.path("exit"), key=True)
    if "undo" in draft.raw:
        draft.report.add(composition.UndoInFinally(draft.where), draft.path("undo"), key=True)


def _undo(draft: Draft) -> None:
    if "undo" not in draft.raw or draft.body == "exit":
        return
    if not draft.around.undoes and not draft.around.ending:
        draft.report.add(composition.UndoUnused(draft.where), draft.path("undo"), key=True)
    fields = draft.fields.get("undo")
    if fields is None:
        return
    undo = attrs.evolve(draft, raw=draft.raw["undo"] or {}, fields=fields, at=draft.path("undo"))
    _one_body(_Choosing(UNDO, UNDO_BODIES, "neither `tool` nor `code`"), undo)
    _idle_tool(undo)
    retry = undo.raw.get("retry")
    if isinstance(retry, dict) and "on_exhausted" in retry:
        misplaced(undo, "on_exhausted", "`on_error: retry` of a step", "retry")


_RULES: tuple[Callable[[Draft], None], ...] = (
    _id_is_a_name,
    _body,
    check_fallback,
    check_on_exhausted,
    check_error_rules,
    _join_counts,
    _idle_tool,
    _pools_are_declared,
    _branches_are_reachable,
    _items_have_their_own_name,
    _workflow_is_a_name,
    _place_in_finally,
    _undo,
)
