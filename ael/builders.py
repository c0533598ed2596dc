"""Closures that make a value anew from what an execution knows: params, fallbacks, outputs.

Nothing they make is shared with the definition or with results, at any depth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from ael.definition import Path
from ael.templates import Data, StepView, Template
from ael.types import JsonValue
from ael.values import CONTAINERS, copy_value

__all__ = ["Build", "builder"]

Build: TypeAlias = Callable[[Data, StepView | None], JsonValue]
"""Makes a value anew from what an execution knows; raises as :meth:`Template.render` does."""

Getter: TypeAlias = Callable[[Data], JsonValue]
"""A :data:`Build` that does not look at the attempt."""


def builder(value: JsonValue, path: Path, templates: Mapping[Path, Template]) -> Build:
    """A closure that makes ``value`` anew, with its templates rendered.

    Args:
        path: Where ``value`` stands, in the terms in which ``templates`` are addressed.
    """
    get = _getter(value, path, templates)
    if get is not None:
        return _ignoring_step(get)
    if isinstance(value, str):
        return _owned(templates[path].render)
    if isinstance(value, Mapping):
        items = [(key, builder(item, (*path, key), templates)) for key, item in value.items()]
        return lambda data, step: {key: build(data, step) for key, build in items}
    parts = [builder(item, (*path, index), templates) for index, item in enumerate(value)]
    return lambda data, step: [build(data, step) for build in parts]


def _ignoring_step(get: Getter) -> Build:
    def build(data: Data, step: StepView | None, get: Getter = get) -> JsonValue:
        return get(data)

    return build


def _owned(render: Build) -> Build:
    return lambda data, step: copy_value(render(data, step))


def _getter(value: JsonValue, path: Path, templates: Mapping[Path, Template]) -> Getter | None:
    """The same where nothing but plain paths and constants is in it, which is the usual case and the fast one."""
    if isinstance(value, str) and path in templates:
        get = templates[path].getter
        return None if get is None else _owned_path(get)
    if isinstance(value, Mapping):
        got = {key: _getter(item, (*path, key), templates) for key, item in value.items()}
        plain = [(key, get) for key, get in got.items() if get is not None]
        return _mapping_getter(plain) if len(plain) == len(got) else None
    if isinstance(value, list | tuple):
        parts = [_getter(item, (*path, index), templates) for index, item in enumerate(value)]
        known = [get for get in parts if get is not None]
        return _list_getter(known) if len(known) == len(parts) else None
    return lambda data: value


def _owned_path(get: Getter) -> Getter:
    def own(data: Data, get: Getter = get) -> JsonValue:
        value = get(data)
        return copy_value(value) if type(value) in CONTAINERS else value

    return own


# Small mappings and lists are spelled out: a comprehension costs as much as three of their members. What the
# functions keep is in their defaults: two objects each for the garbage collector instead of five.


def _mapping_getter(items: Sequence[tuple[str, Getter]]) -> Getter:
    if len(items) == 1:
        [(only, get_only)] = items

        def one(data: Data, key: str = only, get: Getter = get_only) -> JsonValue:
            return {key: get(data)}

        return one

    def several(data: Data, items: Sequence[tuple[str, Getter]] = tuple(items)) -> JsonValue:
        return {key: get(data) for key, get in items}

    return several


def _list_getter(parts: Sequence[Getter]) -> Getter:
    if not parts:
        return lambda data: []
    if len(parts) == 1:

        def one(data: Data, get: Getter = parts[0]) -> JsonValue:
            return [get(data)]

        return one
    if len(parts) == 2:

        def two(data: Data, get_a: Getter = parts[0], get_b: Getter = parts[1]) -> JsonValue:
            return [get_a(data), get_b(data)]

        return two

    def several(data: Data, parts: Sequence[Getter] = tuple(parts)) -> JsonValue:
        return [get(data) for get in parts]

    return several
