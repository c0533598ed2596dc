"""``[limits.NAME]``: pools that the executions of an engine share → :class:`ael.definition.PoolDefinition`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ael.config.problems import unknown_key
from ael.config.servers import Reading
from ael.definition import PoolDefinition
from ael.language.durations import parse_rate
from ael.types import JsonValue

__all__ = ["read_limits"]


def read_limits(tables: Mapping[str, JsonValue], reading: Reading) -> dict[str, PoolDefinition]:
    """The pools by name; a number is short for its ``concurrency``. What is wrong goes to the reading's problems."""
    pools: dict[str, PoolDefinition] = {}
    for name, table in tables.items():
        bounds = {"concurrency": table} if isinstance(table, int) and not isinstance(table, bool) else table
        problems = _problems(name, bounds)
        reading.problems += [f"{reading.file}: limits.{problem}" for problem in problems]
        if not problems and isinstance(bounds, Mapping):
            pools[name] = PoolDefinition(name, bounds.get("concurrency"), parse_rate(bounds.get("rate")))
    return pools


def _problems(name: str, bounds: JsonValue) -> list[str]:
    if not isinstance(bounds, Mapping):
        return [f"{name}: expected a table with `concurrency`, `rate` or both, got {bounds!r}"]
    if not bounds:
        return [f"{name}: needs `concurrency`, `rate` or both"]
    return [f"{name}.{key}: {problem}" for key, value in bounds.items() if (problem := _problem(key, value))]


def _problem(key: str, value: JsonValue) -> str | None:
    if key not in _BOUNDS:
        return unknown_key(key, _BOUNDS)
    accepts, expected = _BOUNDS[key]
    return None if accepts(value) else f"expected {expected}, got {value!r}"


def _is_count(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_rate(value: JsonValue) -> bool:
    return parse_rate(value) is not None


_BOUNDS: dict[str, tuple[Callable[[JsonValue], bool], str]] = {
    "concurrency": (_is_count, "a whole number from 1"),
    "rate": (_is_rate, 'a number from 1 per d, h, m, s or ms, such as "60/m"'),
}
