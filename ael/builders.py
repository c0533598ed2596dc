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
    return _as_build(_part(value, path, templates))


_Part: TypeAlias = tuple[Getter, None] | tuple[None, Build]
"""One of the two: the getter where nothing but plain paths and constants is in it, the usual case and the fast one."""


def _part(value: JsonValue, path: Path, templates: Mapping[Path, Template]) -> _Part:
    if isinstance(value, str) and path in templates:
        template = templates[path]
        get = template.getter
        return (None, _owned(template.render)) if get is None else (_owned_path(get), None)
    if isinstance(value, Mapping):
        return _mapping_part([(key, _part(item, (*path, key), templates)) for key, item in value.items()])
    if isinstance(value, list | tuple):
        return _list_part([_part(item, (*path, index), templates) for index, item in enumerate(value)])
    return (lambda data: value), None


def _mapping_part(parts: Sequence[tuple[str, _Part]]) -> _Part:
    known = [(key, get) for key, (get, _) in parts if get is not None]
    if len(known) == len(parts):
        return _mapping_getter(known), None
    items = [(key, _as_build(part)) for key, part in parts]
    return None, lambda data, step: {key: build(data, step) for key, build in items}


def _list_part(parts: Sequence[_Part]) -> _Part:
    known = [get for get, _ in parts if get is not None]
    if len(known) == len(parts):
        return _list_getter(known), None
    builds = [_as_build(part) for part in parts]
    return None, lambda data, step: [build(data, step) for build in builds]


def _as_build(part: _Part) -> Build:
    get, make = part
    if get is not None:
        return _ignoring_step(get)
    assert make is not None
    return make


def _ignoring_step(get: Getter) -> Build:
    def build(data: Data, step: StepView | None, get: Getter = get) -> JsonValue:
        return get(data)

    return build


def _owned(render: Build) -> Build:
    return lambda data, step: copy_value(render(data, step))


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
