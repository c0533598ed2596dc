"""What a step's code is given, in the shapes it needs, and the prelude that makes it so inside the sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping

import attrs

from ael.code.uses import LAST, MAPPING_METHODS, ROOTS, Shape, Use, Uses
from ael.ports import CodeCall
from ael.types import JsonValue

__all__ = ["RESULT_WALK", "Delivery", "HostObject", "deliver"]

_LARGE = 1000
"""Values with more nodes cross as JSON text, which the sandbox reads three times faster than it takes objects."""

_PRELUDE = """\
import json as __ael_json
result = None
__ael_value = None
def __ael_out(value):
    global __ael_value
    try:
        return __ael_json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        __ael_value = value
        return None
"""
"""Data leaves as JSON text; ``None`` says that there is more in it than JSON, and ``RESULT_WALK`` takes over."""

RESULT_WALK = """\
import datetime as __ael_datetime
from dataclasses import is_dataclass as __ael_is_dataclass
from decimal import Decimal as __ael_Decimal
from collections import deque as __ael_deque
class __ael_Stop:
    def __init__(self, answer):
        self.answer = answer
def __ael_No(path, kind):
    return __ael_Stop(('no data', path, kind))
def __ael_Unknown(kind, value):
    return __ael_Stop(('fields', kind, value))
def __ael_walk(value, path):
    if value is None or isinstance(value, (str, int, float, bytes, __ael_Decimal, __ael_datetime.date)):
        return value
    if len(path) > 200:
        return __ael_No(path[:3], 'nested')
    if isinstance(value, dict):
        done = {}
        for key, item in value.items():
            if not (key is None or isinstance(key, (str, int, float))):
                return __ael_No(path, 'key ' + type(key).__name__)
            done[key] = __ael_walk(item, path + [key])
            if isinstance(done[key], __ael_Stop):
                return done[key]
        return done
    if isinstance(value, (list, tuple, set, frozenset, __ael_deque)):
        done = []
        for item in value:
            done.append(__ael_walk(item, path + [len(done)]))
            if isinstance(done[-1], __ael_Stop):
                return done[-1]
        return done
    if hasattr(value, '__ael_data'):
        return __ael_walk(getattr(value, '__ael_data'), path)
    kind = type(value).__name__
    if kind == 'type' or not __ael_is_dataclass(value):
        return __ael_No(path, kind)
    if kind not in __ael_fields:
        return __ael_Unknown(kind, value)
    return __ael_walk({name: getattr(value, name) for name in __ael_fields[kind]}, path)
__ael_done = __ael_walk(__ael_value, [])
return __ael_done.answer if isinstance(__ael_done, __ael_Stop) else ('data', __ael_done)
"""
"""Makes plain data of ``__ael_value`` and answers ``('data', …)`` or ``('no data', path, kind)``.

What is no data would otherwise leave as its ``repr``. A dataclass cannot list its own fields in there; ``('fields',
kind, value)`` asks us, who see them when it crosses, and is asked again with ``__ael_fields`` completed.
"""

_VIEW = """\
class __ael_View:
    def __init__(self, data, own_methods):
        setattr(self, '__ael_data', data)
        for key in data:
            if key not in own_methods:
                setattr(self, key, data[key])
    def __getitem__(self, key):
        return getattr(self, '__ael_data')[key]
    def __contains__(self, key):
        return key in getattr(self, '__ael_data')
    def __iter__(self):
        return iter(getattr(self, '__ael_data'))
    def get(self, key, default=None):
        return getattr(self, '__ael_data').get(key, default)
    def items(self):
        return getattr(self, '__ael_data').items()
    def keys(self):
        return getattr(self, '__ael_data').keys()
    def values(self):
        return getattr(self, '__ael_data').values()
"""

_CONTEXT = """\
class __ael_Context:
    pass
context = __ael_Context()
context.log = log
context.execution_id = __ael_execution_id
"""


_NO_ROUND = {"output": None, "status": None, "round": None}


@attrs.define
class HostObject:
    """What becomes an object with attributes, made by the sandbox's own wrapper; ``kind`` is its class's name."""

    kind: str
    attributes: Mapping[str, JsonValue]


@attrs.define
class Delivery:
    """What goes to the sandbox before the user's first line: source text, and values by name.

    Among the values, one level down at most, are :class:`HostObject` instances.
    """

    prelude: str
    values: dict[str, JsonValue]


def deliver(call: CodeCall, uses: Uses) -> Delivery:
    """Choose the cheapest way to give the code what it names; what it does not name stays out."""
    statements: list[str] = []
    values = _locals(call.names, uses, statements)
    for root, use in uses.roots.items():
        if root == "steps":
            values[root] = _steps(call.steps, use, uses.step, statements)
        elif root == LAST:
            if LAST in call.names:
                values[root] = _last(call.names[LAST], use, statements)
        else:
            values[root] = _mapping(root, getattr(call, root), use, statements)
    if uses.context:
        statements.append(_CONTEXT)
        statements += [f"context.{root} = {root}\n" for root in ROOTS if root in uses.roots]
        values["__ael_execution_id"] = call.execution_id
    view = _VIEW if any("__ael_View" in statement for statement in statements) else ""
    return Delivery(_PRELUDE + view + "".join(statements), values)


def _locals(given: Mapping[str, JsonValue], uses: Uses, statements: list[str]) -> dict[str, JsonValue]:
    """Plain data, all but ``last``."""
    values: dict[str, JsonValue] = {}
    for name, value in given.items():
        if name in uses.names:
            text = _as_text(value)
            values[name] = value if text is None else text
            if text is not None:
                statements.append(_load(name))
    return values


def _last(given: JsonValue, use: Use, statements: list[str]) -> JsonValue:
    """The round before. There is none at first: ``None`` for code that can ask, else a round that has nothing."""
    if given is None and use.whole:
        return None
    return _mapping(LAST, _NO_ROUND if given is None else given, use, statements)


def _mapping(root: str, given: Mapping[str, JsonValue], use: Use, statements: list[str]) -> JsonValue:
    plain, loads = dict(given), []
    for name, value in given.items():
        text = _as_text(value)
        if text is not None:
            plain[name] = text
            loads.append(_load(f"{root}[{name!r}]"))
    if use.shape is Shape.DICT:
        statements += loads
        return plain
    if use.shape is Shape.ATTRIBUTES and not loads:
        return HostObject(root, plain)
    statements += [*loads, f"{root} = {_view(root, use)}\n"]
    return plain


def _steps(given: Mapping[str, Mapping[str, JsonValue]], use: Use, single: Use, statements: list[str]) -> JsonValue:
    plain: dict[str, dict[str, JsonValue]] = {}
    loads: list[str] = []
    for name, fields in given.items():
        plain[name] = dict(fields)
        for field in ("output", "items"):
            text = _as_text(fields.get(field))
            if text is not None:
                plain[name][field] = text
                loads.append(_load(f"steps[{name!r}][{field!r}]"))
    if not loads and single.shape is not Shape.VIEW and not single.mapping and use.shape is not Shape.VIEW:
        objects = {name: HostObject("step", fields) for name, fields in plain.items()}
        return objects if use.shape is Shape.DICT else HostObject("steps", objects)
    statements += [*loads, f"steps = {{name: {_view('step', single)} for name, step in steps.items()}}\n"]
    if use.shape is not Shape.DICT:
        statements.append(f"steps = {_view('steps', use)}\n")
    return plain


def _view(name: str, use: Use) -> str:
    """A view of the dict ``name``; its methods win over keys of their names only if the code may call them.

    The ``items`` of a step are those of a loop.
    """
    methods = MAPPING_METHODS if use.mapping or use.escapes else frozenset()
    return f"__ael_View({name}, {tuple(sorted(methods - {'items'} if name == 'step' else methods))})"


def _load(place: str) -> str:
    return f"{place} = __ael_json.loads({place})\n"


def _as_text(value: JsonValue) -> str | None:
    """JSON text of a large value, if JSON says all of it."""
    if not isinstance(value, dict | list) or not _is_large(value):
        return None
    try:
        return json.dumps(value)
    except (TypeError, RecursionError):  # dates, decimals, bytes: the sandbox takes these as objects only
        return None


def _is_large(value: dict[str, JsonValue] | list[JsonValue]) -> bool:
    """Whether a value has more than ``_LARGE`` nodes; reads no further than that."""
    nodes, pending = 0, [value]
    while pending:
        part = pending.pop()
        nodes += len(part)
        if nodes > _LARGE:
            return True
        items = part.values() if isinstance(part, dict) else part
        pending += [item for item in items if type(item) is dict or type(item) is list]
    return False
