"""``[limits.NAME]``: pools that the executions of an engine share → :class:`ael.definition.PoolDefinition`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from ael.config.servers import Reading
from ael.definition import PoolDefinition
from ael.language.durations import parse_rate
from ael.types import JsonValue

__all__ = ["read_limits"]

_KEYS = ("concurrency", "rate")


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
    found: list[str] = []
    for key in bounds:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            found.append(f"{name}.{key}: unknown key" + (f"; did you mean {near[0]!r}?" if near else ""))
    most, rate = bounds.get("concurrency"), bounds.get("rate")
    if "concurrency" in bounds and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        found.append(f"{name}.concurrency: expected a whole number from 1, got {most!r}")
    if "rate" in bounds and parse_rate(rate) is None:
        found.append(f'{name}.rate: expected a number from 1 per d, h, m, s or ms, such as "60/m", got {rate!r}')
    if not bounds:
        found.append(f"{name}: needs `concurrency`, `rate` or both")
    return found
