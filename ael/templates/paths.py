"""Plain paths, ``{{ steps.log.output.lines[0] }}``, and texts of them: told by a regular expression, read by closures.

A closure takes the short way and asks no questions; whatever goes wrong there is read once more the
long way, which knows how to word it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from ael.templates.limits import begin_rendering, write_text
from ael.templates.model import Data, Getter, Names, Render, StepView
from ael.templates.reading import (
    describe_miss,
    describe_secret,
    key_text,
    read_field,
    read_item,
    result_of,
    step_data,
    template_error,
    to_data,
    to_text,
)
from ael.templates.references import ROOTS, Chain, Key, longest_id
from ael.types import JsonValue

__all__ = ["path_getter", "split_paths", "text_renderer"]

Keys: TypeAlias = tuple[str | int, ...]

_INTEGER = r"(?:0|[1-9][0-9]{0,8})"
_KEY = rf"""\.[A-Za-z_][A-Za-z0-9_]*|\.{_INTEGER}|\[-?{_INTEGER}\]|\["[^"\\\r\n]*"\]|\['[^'\\\r\n]*'\]"""
_FIRST = rf"""\.[A-Za-z_][A-Za-z0-9_-]*|{_KEY}"""
_PATH = re.compile(rf"(?P<root>[A-Za-z_][A-Za-z0-9_]*)(?P<first>{_FIRST})?(?P<rest>(?:{_KEY})*)")
_KEY_PARTS = re.compile(_KEY)
_BRACES = re.compile(rf"(?<!\{{)\{{\{{\s*(?:[A-Za-z_][A-Za-z0-9_]*)(?:{_FIRST})?(?:{_KEY})*\s*\}}\}}")
_MARKS = ("{{", "{%", "{#")


def _plain_chain(text: str, start: int, end: int, names: Names) -> Chain | None:
    """The chain that ``text[start:end]`` is, white space aside; ``None`` if it is anything else."""
    inner = text[start:end]
    start += len(inner) - len(inner.lstrip())
    end = start + len(inner.strip())
    match = _PATH.fullmatch(text, start, end)
    if match is None or (match["root"] not in ROOTS and match["root"] not in names.locals):
        return None
    keys = [_key(text, *part.span()) for part in _KEY_PARTS.finditer(text, match.start("rest"), end)]
    if match["first"]:
        first = _key(text, *match.span("first"))
        if match["first"].startswith(".") and not _is_one_id(first, match["root"], names):
            return None
        keys.insert(0, first)
    return Chain(match["root"], start, end, tuple(keys))


def _is_one_id(key: Key, root: str, names: Names) -> bool:
    """Whether the key, written after a dot, is one name, and not one minus another."""
    if "-" not in str(key.value):
        return True
    declared = names.steps if root == "steps" else dict.fromkeys(names.inputs) if root == "inputs" else {}
    return bool(declared) and longest_id(str(key.value), declared) == key.value


def _key(text: str, start: int, end: int) -> Key:
    """The key in ``.name``, ``.0``, ``[0]``, ``["name"]`` or ``['name']``."""
    inner = text[start + 1 : end] if text[start] == "." else text[start + 1 : end - 1]
    if inner[0] in "'\"":
        return Key(inner[1:-1], start + 2, end - 2)
    value = int(inner) if inner.lstrip("-").isdigit() else inner
    return Key(value, start + 1, start + 1 + len(inner))


def split_paths(text: str, names: Names) -> list[str | Chain] | None:
    """The text as constant parts and plain chains; ``None`` if it holds anything else."""
    parts: list[str | Chain] = []
    at = 0
    for match in _BRACES.finditer(text):
        chain = _plain_chain(text, match.start() + 2, match.end() - 2, names)
        if chain is None:
            return None
        parts += (text[at : match.start()], chain)
        at = match.end()
    parts.append(text[at:])
    constants = (part for part in parts if isinstance(part, str))
    if any(mark in constant for constant in constants for mark in _MARKS):
        return None
    return parts


_Slow: TypeAlias = tuple[str, Keys, tuple[int, int]]


def path_getter(chain: Chain, names: Names) -> Getter | None:
    """The closure that reads a chain without problems; ``None`` where there is more to it than looking up."""
    keys = tuple(key.value for key in chain.keys)
    if chain.root in names.locals:
        return _last_getter(keys) if chain.root == "last" else _root_getter(chain.root, keys)
    if chain.root == "steps":
        return _step_getter(str(keys[0]), keys[1:], names) if keys else None
    if chain.root == "inputs":
        return _input_getter(str(keys[0]), keys[1:]) if keys else lambda data: to_data(data.inputs)
    if chain.root == "step":
        return None
    return _root_getter(chain.root, keys)


def _step_getter(step_id: str, keys: Keys, names: Names) -> Getter:
    place = names.steps[step_id]
    if not keys:
        loop = step_id in names.loops
        return lambda data: step_data(result_of(data, place), loop=loop)
    if keys[0] != "output":
        return lambda data: _slow_step(data, step_id, keys, place)
    return _outer_getter(step_id, keys, *place)


def _outer_getter(step_id: str, keys: Keys, depth: int, index: int) -> Getter:
    """That of an output so many scopes out: the first two by one call, each further one by one more."""
    if depth > 1:
        return _from_inside(_outer_getter(step_id, keys, depth - 1, index))
    slow = (step_id, keys, (depth, index))
    if len(keys) == 1:
        return _outer_output_getter(index, slow) if depth else _output_getter(index, slow)
    make = _outer_inner_getter if depth else _inner_getter
    return make(index, keys[1], keys[2:], slow)


def _from_inside(read: Getter) -> Getter:
    def get(data: Data, read: Getter = read) -> JsonValue:
        return read(data.up)  # type: ignore[arg-type]  # there is one: the names say so

    return get


# The constants of these four are defaults rather than closed-over names: large workflows hold thousands of them
# for ever, and two objects each burden the garbage collector less than seven. The two for the enclosing scope differ
# by one attribute; reading it by a call of its own would cost as much as all the rest.


def _output_getter(index: int, slow: _Slow) -> Getter:
    def get(data: Data, index: int = index, slow: _Slow = slow) -> JsonValue:
        try:
            result = data.results[index]
            if result.usable:  # type: ignore[union-attr]  # None, not settled: the long way
                return result.output  # type: ignore[union-attr]
        except AttributeError:
            pass
        return _slow_step(data, *slow)

    return get


def _inner_getter(index: int, first: str | int, rest: Keys, slow: _Slow) -> Getter:
    def get(
        data: Data, index: int = index, first: str | int = first, rest: Keys = rest, slow: _Slow = slow
    ) -> JsonValue:
        try:
            result = data.results[index]
            if result.usable:  # type: ignore[union-attr]
                value = result.output[first]  # type: ignore[union-attr]
                for key in rest:
                    value = value[key]
                return value
        except (AttributeError, LookupError, TypeError):
            pass
        return _slow_step(data, *slow)

    return get


def _outer_output_getter(index: int, slow: _Slow) -> Getter:
    def get(data: Data, index: int = index, slow: _Slow = slow) -> JsonValue:
        try:
            result = data.up.results[index]  # type: ignore[union-attr]
            if result.usable:  # type: ignore[union-attr]
                return result.output  # type: ignore[union-attr]
        except AttributeError:
            pass
        return _slow_step(data, *slow)

    return get


def _outer_inner_getter(index: int, first: str | int, rest: Keys, slow: _Slow) -> Getter:
    def get(
        data: Data, index: int = index, first: str | int = first, rest: Keys = rest, slow: _Slow = slow
    ) -> JsonValue:
        try:
            result = data.up.results[index]  # type: ignore[union-attr]
            if result.usable:  # type: ignore[union-attr]
                value = result.output[first]  # type: ignore[union-attr]
                for key in rest:
                    value = value[key]
                return value
        except (AttributeError, LookupError, TypeError):
            pass
        return _slow_step(data, *slow)

    return get


def _slow_step(data: Data, step_id: str, keys: Keys, place: tuple[int, int]) -> JsonValue:
    """The same value, or the words for what is missing."""
    result, where = result_of(data, place), f"steps.{step_id}"
    field, inner, expression = str(keys[0]), keys[1:], where + _shown(keys)
    if field == "items" and inner and isinstance(inner[0], int):
        try:
            item = read_item(result, inner[0])
        except IndexError:
            pass
        else:
            return _read(item, inner[1:], f"{where}.items[{inner[0]}]", expression)
    return _read(read_field(result, step_id, field), inner, f"{where}.{field}", expression)


def _input_getter(name: str, keys: Keys) -> Getter:
    expression = f"inputs{_shown((name, *keys))}"

    def get(data: Data) -> JsonValue:
        try:
            value = data.inputs[name]
            for key in keys:
                value = value[key]
        except (LookupError, TypeError):
            return _read(data.inputs, (name, *keys), "inputs", expression)
        return value

    return get


def _root_getter(root: str, keys: Keys) -> Getter:
    expression = root + _shown(keys)

    def get(data: Data) -> JsonValue:
        try:
            value = data.roots[root]
            for key in keys:
                value = value[key]
        except (LookupError, TypeError):
            return _slow_root(data, root, keys, expression)
        return value if keys else to_data(value)

    return get


def _last_getter(keys: Keys) -> Getter:
    read = _root_getter("last", keys)

    def get(data: Data) -> JsonValue:
        # Before the first round everything below it is null, whatever is asked for.
        return None if data.roots.get("last", keys) is None else read(data)

    return get


def _slow_root(data: Data, root: str, keys: Keys, expression: str) -> JsonValue:
    if root not in data.roots:
        raise template_error(expression, f"{root!r} is not available here")
    value = data.roots[root]
    if root != "secrets":
        return _read(value, keys, root, expression)
    try:
        secret = value[keys[0]]
    except KeyError as error:
        raise template_error(expression, describe_secret(str(keys[0]), error)) from None
    return _read(secret, keys[1:], f"secrets.{keys[0]}", expression)


def _read(value: JsonValue, keys: Keys, where: str, expression: str) -> JsonValue:
    """Read key by key, and say which one is missing."""
    for key in keys:
        try:
            value = value[key]
        except (LookupError, TypeError):
            raise template_error(expression, describe_miss(value, key, where)) from None
        where += _shown((key,))
    return value


def _shown(keys: Sequence[str | int]) -> str:
    return "".join(map(key_text, keys))


def text_renderer(text: str, pieces: Sequence[str | Getter]) -> Render:
    """What renders constant parts and plain paths to one text."""

    def render(data: Data, step: StepView | None) -> JsonValue:
        begin_rendering()
        try:
            return "".join([write_text(piece if isinstance(piece, str) else to_text(piece(data))) for piece in pieces])
        except (ValueError, RecursionError) as error:
            raise template_error(text, str(error)) from error

    return render
