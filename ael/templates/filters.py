"""The filters and tests of templates: Jinja's and ael's own, each behind a guard.

The guard sees to it that nothing missing passes as empty, that work is paid for before it is done, and
that what comes out is data: a list instead of an iterator, text instead of markup.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import SimpleNamespace
from typing import NamedTuple, cast

from jinja2.environment import Environment
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.nodes import EvalContext
from jinja2.tests import TESTS

from ael.templates.filter_functions import CHECKS, OWN, TEXT_FILTERS, Filter
from ael.templates.limits import MAX_ELEMENTS, check_length, check_text, spend, weigh
from ael.templates.operations import OPERATORS, join_text
from ael.templates.reading import Unread, to_text
from ael.types import JsonValue

__all__ = ["GroupPair", "make_filters", "make_tests", "signature_of"]

_LAZY_TESTS = frozenset({"defined", "undefined"})
_LAZY_FILTERS = frozenset({"d", "default"})
_CALL_WORK = 1_000
_SORT_WORK = 1_000


class GroupPair(NamedTuple):
    """One group of ``groupby``."""

    grouper: JsonValue
    list: list[JsonValue]


def make_filters(environment: Environment) -> dict[str, Filter]:
    """Name → filter, guarded; those of Jinja that want the environment get this one."""
    filters: dict[str, Filter] = {name: _bound(function, environment) for name, function in FILTERS.items()}
    filters |= OWN
    filters |= _of_attributes(environment)
    filters["groupby"] = _grouped(filters["groupby"])
    guarded = {name: _guarded(name, function) for name, function in filters.items() if name not in _LAZY_FILTERS}
    return {**guarded, **{name: filters[name] for name in _LAZY_FILTERS}}


def make_tests(environment: Environment) -> dict[str, Filter]:
    """Name → test, guarded."""
    known = cast("Mapping[str, Filter]", TESTS)
    tests = {name: _bound(function, environment) for name, function in known.items()}
    return {name: test if name in _LAZY_TESTS else _guarded("", test) for name, test in tests.items()}


def signature_of(function: Filter) -> inspect.Signature:
    """How a filter or test is called, the value first."""
    return inspect.signature(function)


def _bound(function: Filter, environment: Environment) -> Filter:
    """Jinja's function without the first parameter that Jinja fills in."""
    wants = getattr(function, "jinja_pass_arg", None)
    if wants is None:
        return function
    first = {
        "environment": environment,
        "eval_context": EvalContext(environment),
        "context": SimpleNamespace(environment=environment, eval_ctx=EvalContext(environment)),
    }[wants.name]

    def bound(*args: JsonValue, **kwargs: JsonValue) -> JsonValue:
        return function(first, *args, **kwargs)

    signature = inspect.signature(function)
    if hasattr(inspect.unwrap(function), "jinja_pass_arg"):
        parameters = list(signature.parameters.values())[1:]
        signature = signature.replace(parameters=parameters)
    bound.__signature__ = signature  # type: ignore[attr-defined]
    return bound


def _guarded(name: str, function: Filter) -> Filter:
    signature = signature_of(function)
    check = CHECKS.get(name)
    as_text = name in TEXT_FILTERS

    def guarded(value: JsonValue, *args: JsonValue, **kwargs: JsonValue) -> JsonValue:
        spend(_CALL_WORK)
        for argument in (value, *args, *kwargs.values()):
            if isinstance(argument, Unread):
                argument.use()
            weigh(argument)
        if as_text:
            value = to_text(value)
        if check is not None:
            bound = signature.bind(value, *args, **kwargs)
            bound.apply_defaults()
            check(**bound.arguments)
        return _settled(function(value, *args, **kwargs))

    guarded.__signature__ = signature  # type: ignore[attr-defined]
    return guarded


def _settled(result: JsonValue) -> JsonValue:
    if isinstance(result, str):
        return check_text(str(result))
    if isinstance(result, Iterator):
        items = list(islice(result, MAX_ELEMENTS + 1))
        check_length(len(items), MAX_ELEMENTS)
        return items
    return result


def _of_attributes(environment: Environment) -> dict[str, Filter]:
    """Filters that may look at a key of each item, and the one that looks at a key."""

    def items_of(value: Iterable[JsonValue], attribute: str | int | None) -> Iterable[JsonValue]:
        return value if attribute is None else map(make_attrgetter(environment, attribute), value)

    def join(value: Iterable[JsonValue], d: JsonValue = "", attribute: str | int | None = None) -> str:
        return join_text(to_text(d), items_of(value, attribute))

    def add(iterable: Iterable[JsonValue], attribute: str | int | None = None, start: JsonValue = 0) -> JsonValue:
        total = start
        for item in items_of(iterable, attribute):
            total = OPERATORS["+"](total, item)
        return total

    def attr(obj: JsonValue, name: str) -> JsonValue:
        return environment.getattr(obj, name)

    def as_list(value: Iterable[JsonValue]) -> list[JsonValue]:
        return list(islice(value, MAX_ELEMENTS + 1))

    def sort(
        value: Iterable[JsonValue],
        reverse: bool = False,
        case_sensitive: bool = False,
        attribute: str | int | None = None,
    ) -> JsonValue:
        items = as_list(value)
        spend(len(items) * _SORT_WORK)
        return FILTERS["sort"](environment, items, reverse, case_sensitive, attribute)

    return {"join": join, "sum": add, "attr": attr, "list": as_list, "sort": sort}


def _grouped(groupby: Filter) -> Filter:
    def grouped(
        value: Iterable[JsonValue],
        attribute: str | int,
        default: JsonValue = None,
        case_sensitive: bool = False,
    ) -> JsonValue:
        return [GroupPair(*pair) for pair in groupby(value, attribute, default, case_sensitive)]

    return grouped
