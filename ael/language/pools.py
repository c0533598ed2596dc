"""Declared pools: ``limits: {openai: {concurrency: 4, rate: 60/m}}``."""

from __future__ import annotations

import re

import attrs
import msgspec

from ael.definition import MISSING, Path, PoolDefinition
from ael.language.catalog import composition, structure
from ael.language.durations import parse_rate
from ael.language.records import Key, Table, read_record
from ael.language.report import Report
from ael.language.shapes import Count, Schema, describe, refuse_braces, refuse_type
from ael.types import JsonValue

__all__ = ["POOL", "Pools"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class _Rate(msgspec.Struct, frozen=True):
    """How many starts in any window of a unit: ``60/m``."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        if refuse_braces(value, at, report):
            return MISSING
        rate = parse_rate(value)
        if rate is None:
            report.add(composition.RateInvalid(report.what(at), describe(value)), at)
            return MISSING
        return rate

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^\s*\d+\s*/\s*(d|h|m|s|ms)\s*$"}


POOL = Table(
    "a pool",
    (
        Key("concurrency", "Most attempts at once, of all executions of an engine together.", Count(1)),
        Key("rate", "Most starts in any window of a unit, `60/m`; units are d, h, m, s and ms.", _Rate()),
    ),
    ref="pool",
)


@attrs.frozen
class Pools:
    """The shape of the workflow's ``limits``: a pool is its bounds, or a number for its ``concurrency``.

    A pool without bounds is declared all the same: they may stand in ``ael.toml``.
    """

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """A tuple of :class:`PoolDefinition`."""
        if value is None:
            return ()
        if not isinstance(value, dict):
            advice = "write `NAME: {concurrency: 4, rate: 60/m}` for each pool"
            return refuse_type(value, "a mapping", at, report, advice)
        return tuple(_pool(name, item, (*at, name), report) for name, item in value.items())

    def schema(self) -> Schema:
        """A mapping of pools."""
        pool = {"anyOf": [Count(1).schema(), POOL.reference(), {"type": "null"}]}
        names = {"pattern": f"^{_NAME.pattern}$"}
        return {"type": ["object", "null"], "propertyNames": names, "additionalProperties": pool}


def _pool(name: str, value: JsonValue, at: Path, report: Report) -> PoolDefinition:
    if not _NAME.fullmatch(name):
        report.add(structure.NameInvalid("the name of a pool", name, "a letter or '_'"), at, key=True)
    if value is None or value is MISSING:
        return PoolDefinition(name, path=at)
    if isinstance(value, dict):
        return PoolDefinition(name, **read_record(POOL, value, at, report), path=at)
    if isinstance(value, int) and not isinstance(value, bool):
        most = Count(1).read(value, at, report)
        return PoolDefinition(name, None if most is MISSING else most, path=at)
    rate = isinstance(value, str) and parse_rate(value) is not None
    advice = f"write `{{rate: {value}}}`" if rate else "write `{concurrency: 4}`, `{rate: 60/m}`, or both"
    refuse_type(value, "a mapping or a number", at, report, advice)
    return PoolDefinition(name, path=at)
