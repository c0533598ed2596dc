"""What a step does about failure and time: the keys ``retry``, ``timeout`` and ``on_error``."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ael.definition import MISSING, Path
from ael.language.catalog import structure
from ael.language.records import Key, Record, Table, read_items
from ael.language.report import Report
from ael.language.shapes import Amount, Anything, Choice, Count, Duration, Jitter, Names, Schema, refuse_type
from ael.types import Backoff, JsonValue, OnError, RetryConfig, TimeoutConfig

__all__ = ["FAIL_OR_SKIP", "ON_ERROR", "RETRY", "RULE", "TIMEOUT", "ErrorRules", "Retry", "Timeout"]

FAIL_OR_SKIP = Choice(("fail", "skip"))
ON_ERROR = Choice(("fail", "skip", "retry"), {"continue": "skip"})

RETRY = Table(
    "`retry`",
    (
        Key("max_attempts", "All attempts, the first included; 3 if not given.", Count(1)),
        Key("backoff", "How the wait grows: d, d*m, d*m*m | d, 2d, 3d | d, d, d.", Choice(tuple(Backoff))),
        Key(
            "delay",
            "Before the second attempt; 1 s if not given.",
            Duration(),
            old_names=("delay_seconds", "initial_delay"),
        ),
        Key("multiplier", "Growth of an exponential wait; 2.", Amount(0), old_names=("backoff_multiplier",)),
        Key("max_delay", "What no wait exceeds, before jitter; 60 s.", Duration()),
        Key("jitter", "`none`, `full`, or a fraction; 0.1: up to 10 % more.", Jitter()),
        Key("on", "Error codes that are retried; without it all that are retryable.", Names()),
        Key("except", "Error codes that are not retried.", Names(), field="except_"),
        Key("on_exhausted", "What `on_error: retry` does when no attempt is left.", FAIL_OR_SKIP),
    ),
    ref="retry",
)
TIMEOUT = Table(
    "`timeout`",
    (
        Key("attempt", "Of one attempt, from the start of the call.", Duration(timeout=True)),
        Key("total", "Of the whole step, waits included.", Duration(timeout=True)),
        Key("idle", "Of a tool that reports no progress; any progress begins it anew.", Duration(timeout=True)),
    ),
    ref="timeout",
)


def _retry(fields: Mapping[str, JsonValue]) -> RetryConfig:
    words = {"backoff": Backoff, "on_exhausted": OnError}
    typed: dict[str, JsonValue] = {name: words[name](fields[name]) for name in words if name in fields}
    return RetryConfig(**{**fields, **typed})


@attrs.frozen
class Retry:
    """A number of attempts, or a mapping."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """A :class:`RetryConfig`."""
        if isinstance(value, dict):
            return Record(RETRY, _retry).read(value, at, report)
        if isinstance(value, int) and not isinstance(value, bool):
            attempts = Count(1).read(value, at, report)
            return attempts if attempts is MISSING else RetryConfig(max_attempts=attempts)
        advice = "write how many attempts there are in all, such as `retry: 3`"
        return refuse_type(value, "a number of attempts or a mapping", at, report, advice)

    def schema(self) -> Schema:
        """An integer, or the table's object."""
        return {"anyOf": [Count(1).schema(), RETRY.reference()]}


@attrs.frozen
class Timeout:
    """A duration for the attempt, ``none``, or a mapping."""

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """A :class:`TimeoutConfig`."""
        if isinstance(value, dict):
            return Record(TIMEOUT, lambda fields: TimeoutConfig(**fields)).read(value, at, report)
        attempt = Duration(timeout=True).read(value, at, report)
        return attempt if attempt is MISSING else TimeoutConfig(attempt=attempt)

    def schema(self) -> Schema:
        """A duration, or the table's object."""
        return {"anyOf": [Duration(timeout=True).schema(), TIMEOUT.reference()]}


RULE = Table(
    "a rule of `on_error`",
    (
        Key("match", "Error codes; without it every error.", Names()),
        Key("do", "What these errors do: stop, skip the step, or retry it.", ON_ERROR, required=True),
        Key("retry", "With `do: retry`: a number of attempts, or how to retry.", Retry()),
        Key("fallback", "The output when the step is skipped.", Anything()),
    ),
    ref="error_rule",
)


@attrs.frozen
class ErrorRules:
    """A word, or a list of rules of which the first that matches counts.

    The word becomes :class:`OnError`; each rule its fields, because some of its rules concern the whole step.
    """

    def read(self, value: JsonValue, at: Path, report: Report) -> JsonValue:
        """:class:`OnError`, or a list with the fields of each rule."""
        if not isinstance(value, list):
            word = ON_ERROR.read(value, at, report)
            return word if word is MISSING else OnError(word)
        if not value:
            report.add(structure.ListEmpty(report.what(at), "write a rule, `{do: skip}`, or a word"), at, key=True)
            return MISSING
        return read_items(RULE, value, at, report)

    def schema(self) -> Schema:
        """The words, or a list of objects."""
        return {"anyOf": [ON_ERROR.schema(), {"type": "array", "minItems": 1, "items": RULE.reference()}]}
