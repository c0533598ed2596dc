"""Misfits as problems: their words, their places, and what would fit."""

from __future__ import annotations

import json
from collections.abc import Sequence

import attrs

from ael.definition import Path
from ael.diagnostics import Fix
from ael.language.catalog import Problem, listing, types
from ael.language.checks.fitting import Misfit
from ael.language.quoting import quoted
from ael.language.report import Report, replacement
from ael.language.suggest import nearest
from ael.schema_types import (
    ANY,
    INTEGER,
    NEVER,
    NUMBER,
    TEXT,
    Kind,
    ListType,
    Type,
    is_only,
    meet,
    members,
    of_value,
    words,
)
from ael.types import JsonValue

__all__ = ["report_output", "report_param"]


def report_param(misfit: Misfit, value: JsonValue, step: str, owner: str, at: Path, report: Report) -> None:
    """Report what does not fit in params.

    Args:
        misfit: What.
        value: All the params.
        step: The step that gives them.
        owner: What takes them: ``tool 'git.log'``.
        at: Where ``params`` stand, or would.
        report: Where problems go.
    """
    path = (*at, *misfit.path)
    if misfit.kind == "missing" and not misfit.path and at not in report.spans:
        path = (*at[:-1], owner.partition(" ")[0])
    fix = _fix(misfit, _at(value, misfit.path), path, report)
    problem = _param_problem(misfit, step, owner, fix)
    report.add(problem, path, key=misfit.kind in {"missing", "unknown"}, fix=fix)


def report_output(misfit: Misfit, value: JsonValue, name: str, at: Path, report: Report) -> None:
    """Report what does not fit in the ``value`` of an output."""
    path = (*at, *misfit.path)
    fix = _fix(misfit, _at(value, misfit.path), path, report)
    is_key = misfit.kind in {"missing", "unknown"}
    report.add(types.OutputMisfits(name, _sentence(misfit)), path, key=is_key, fix=fix)


def _param_problem(misfit: Misfit, step: str, owner: str, fix: Fix | None) -> Problem:
    name = _dotted(misfit.path) or "params"
    match misfit.kind:
        case "missing":
            whole = _dotted((*misfit.path, misfit.key))
            known = f"{misfit.expected}: {misfit.found}" if misfit.found else misfit.expected
            return types.ParamMissing(step, owner, whole, "" if known == "anything" else f"it is {known}")
        case "unknown":
            return types.ParamUnknown(step, owner, name, _nearest(misfit), _known(misfit))
        case "type":
            conversion = _conversion(misfit)
            advice = (
                f"`| {conversion}` makes {words(misfit.wanted)} of it" if conversion else fix.message if fix else ""
            )
            return types.ParamType(name, owner, misfit.expected, misfit.found, advice)
        case "value":
            return types.ParamValue(name, owner, misfit.expected, misfit.found, _nearest(misfit))
        case _:
            return types.ParamMisfits(name, owner, misfit.found)


def _advice(misfit: Misfit, fix: Fix | None) -> str:
    conversion = _conversion(misfit)
    if conversion is not None:
        return f"`| {conversion}` makes {words(misfit.wanted)} of it"
    return "" if fix is None else fix.message


def _sentence(misfit: Misfit) -> str:
    name = _dotted(misfit.path)
    subject = f"`{name}`" if name else "it"
    match misfit.kind:
        case "missing":
            return f"{subject} has no {misfit.key!r}"
        case "unknown":
            return f"{subject} is not among {_known(misfit)}"
        case "type":
            return f"{subject} must be {misfit.expected}, and {misfit.found}"
        case "value":
            return f"{subject} must be {misfit.expected}, and is {misfit.found}"
        case _:
            return f"{subject}: {misfit.found}" if name else misfit.found


def _dotted(path: Path) -> str:
    """``headers.accept``, ``items[0]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _known(misfit: Misfit) -> str:
    return listing(misfit.known)


def _nearest(misfit: Misfit) -> str | None:
    """The known key, or the known text, that was probably meant."""
    if misfit.kind == "unknown":
        return nearest(misfit.key, misfit.known)
    if misfit.kind == "value" and misfit.known:
        return nearest(_text_of(misfit.found), misfit.known)
    return None


def _text_of(shown: str) -> str:
    """The text that was shown as JSON."""
    try:
        return str(json.loads(shown))
    except ValueError:  # cut, because it is long
        return shown


_CONVERSIONS: tuple[tuple[frozenset[Kind], Type, str], ...] = (
    (frozenset({Kind.TEXT}), NUMBER, "float"),
    (frozenset({Kind.TEXT}), INTEGER, "int"),
    (frozenset({Kind.NUMBER, Kind.BOOLEAN}), TEXT, "string"),
    (frozenset({Kind.LIST, Kind.OBJECT}), TEXT, "json"),
    (frozenset({Kind.OBJECT}), ListType(ANY), "values"),
)
"""Kinds that are given, a type that may be wanted, and the filter between them."""


def _conversion(misfit: Misfit) -> str | None:
    """The filter that makes what is wanted of what a path gives."""
    if not misfit.source:
        return None
    for kinds, made, name in _CONVERSIONS:
        if is_only(misfit.given, *kinds) and _takes(misfit.wanted, made):
            return name
    return None


def _takes(wanted: Type, made: Type) -> bool:
    """Whether all that is made is wanted; of lists those of some items."""
    common = meet(made, wanted)
    return common == made or (isinstance(made, ListType) and common != NEVER)


def _at(value: JsonValue, path: Sequence[str | int]) -> JsonValue:
    for part in path:
        value = value[part]
    return value


# Fixes. Whoever wrote something else may have meant something else: none of them is safe.


def _fix(misfit: Misfit, value: JsonValue, at: Path, report: Report) -> Fix | None:
    near, is_key = _nearest(misfit), misfit.kind == "unknown"
    if near is not None:
        fix = report.replace(at, near, f"write `{near}`", key=is_key)
        return None if fix is None else attrs.evolve(fix, safe=False)
    text = _converted(misfit, value, at, report) if misfit.kind == "type" else None
    node = report.spans.get(at)
    if text is None or node is None:
        return None
    return replacement(node.value, text, f"write `{text}`", safe=False)


def _converted(misfit: Misfit, value: JsonValue, at: Path, report: Report) -> str | None:
    """The same as what is wanted: through a filter, with quotes or without, or in a list."""
    conversion = _conversion(misfit)
    if conversion is not None:
        return quoted(f"{{{{ {misfit.source} | {conversion} }}}}")
    written, node = report.source_text(at), report.spans.get(at)
    if node is None or written is None or node.style not in _IN_LINE:
        return None
    if _is_wanted_in_list(misfit, value):
        return f"[{written}]"
    if isinstance(value, str):
        return _without_quotes(value, misfit.wanted) if node.style else None
    return quoted(written) if isinstance(value, int | float) and meet(TEXT, misfit.wanted) != NEVER else None


_IN_LINE = frozenset({"", "'", '"'})


def _is_wanted_in_list(misfit: Misfit, value: JsonValue) -> bool:
    given = of_value(value) if misfit.given == NEVER else misfit.given
    lists = (member for member in members(misfit.wanted) if isinstance(member, ListType))
    return any(meet(member.item, given) != NEVER for member in lists)


def _without_quotes(value: str, wanted: Type) -> str | None:
    """What a text is as JSON, if that is a scalar that is wanted."""
    try:
        read = json.loads(value)
    except ValueError:
        return None
    is_scalar = isinstance(read, int | float) or read is None
    return value.strip() if is_scalar and meet(of_value(read), wanted) != NEVER else None
