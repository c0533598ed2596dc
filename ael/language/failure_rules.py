"""What failures of a step can do, and which of its keys then say something that is never asked.

A fallback needs something that can skip the step, ``on_exhausted`` something that retries it, and a rule of
``on_error`` an error that none before it takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from ael.definition import MISSING, Defaults
from ael.language.catalog import composition, structure
from ael.language.drafts import Draft, Fields, body_of, misplaced
from ael.types import JsonValue, OnError, RetryConfig

__all__ = ["can_skip_itself", "check_error_rules", "check_fallback", "check_on_exhausted", "retry_counts"]

_READ = re.compile(r"\bsteps\s*[.\[]")
_POLICY_KEYS = ("on_error", "retry", "on_missing_tool", "join", "choose")


@attrs.frozen
class _Policy:
    """What a step does when an attempt failed: its own keys over the defaults, which only tools and code take.

    Attributes:
        rules: The fields of the rules of ``on_error``; a word is one rule that matches all.
        retry: The settings for rules that have none of their own.
        own: Whether the step itself has these settings.
        unknown: Whether a rule could not be read, so that what follows from them all is not known.
    """

    rules: tuple[Fields, ...]
    retry: RetryConfig | None
    own: bool
    unknown: bool

    @classmethod
    def of(cls, raw: Fields, fields: Fields, defaults: Defaults) -> _Policy:
        taken = defaults if body_of(raw) in {"tool", "code", None} else Defaults()
        given: JsonValue = fields.get("on_error") or taken.on_error or OnError.FAIL
        rules: list[JsonValue] = given if isinstance(given, list) else [{"do": given}]
        readable = tuple(rule for rule in rules if rule is not MISSING and "do" in rule)
        return cls(readable, fields.get("retry") or taken.retry, "retry" in fields, len(readable) < len(rules))

    def can_skip(self, rule: Fields) -> bool:
        """Whether an error that the rule takes can skip the step."""
        retry: RetryConfig | None = rule.get("retry") or self.retry
        exhausted = retry is not None and retry.on_exhausted is OnError.SKIP
        return rule["do"] == OnError.SKIP or (rule["do"] == OnError.RETRY and exhausted)


def can_skip_itself(raw: Fields, fields: Fields, defaults: Defaults) -> bool:
    """Whether something that the step says can skip it. What could not be read may."""
    if "when" in raw or any(key in raw and key not in fields for key in _POLICY_KEYS):
        return True
    if fields.get("on_missing_tool") == "skip" or fields.get("join") is not None or _may_take_no_branch(fields):
        return True
    policy = _Policy.of(raw, fields, defaults)
    return policy.unknown or any(policy.can_skip(rule) for rule in policy.rules)


def _may_take_no_branch(fields: Fields) -> bool:
    branches: list[JsonValue] = fields.get("choose", [])
    return bool(branches) and (branches[-1] is MISSING or "when" in branches[-1])


def retry_counts(raw: Fields, fields: Fields, defaults: Defaults, *, own: bool) -> bool:
    """Whether ``on_exhausted`` of the step's ``retry`` (``own``), or of the defaults', can ever be asked."""
    policy = _Policy.of(raw, fields, defaults)
    retried = any(rule["do"] == OnError.RETRY and "retry" not in rule for rule in policy.rules)
    return own == policy.own and policy.retry is not None and (policy.unknown or retried)


def check_fallback(draft: Draft) -> None:
    """A fallback that is never used."""
    if "fallback" not in draft.raw or draft.body == "exit":
        return
    if not can_skip_itself(draft.raw, draft.fields, draft.around.defaults) and not _others_can_skip(draft):
        draft.report.add(structure.FallbackUnreachable(draft.where), draft.path("fallback"), key=True)


def _others_can_skip(draft: Draft) -> bool:
    """Whether the step waits for others, and some step of the file can be skipped."""
    others = any(path[: len(draft.at)] != draft.at for path in draft.around.skipping)
    return others and (bool(draft.raw.get("depends_on")) or _READ.search(str(draft.raw)) is not None)


def check_on_exhausted(draft: Draft) -> None:
    """An ``on_exhausted`` of the step's own ``retry`` that is never asked."""
    retry = draft.raw.get("retry")
    if not isinstance(retry, dict) or "on_exhausted" not in retry or "retry" not in draft.fields:
        return
    if draft.is_broken("on_error") or draft.body == "exit":
        return
    if not retry_counts(draft.raw, draft.fields, draft.around.defaults, own=True):
        path = draft.path("retry", "on_exhausted")
        value = draft.fields["retry"].on_exhausted
        draft.report.add(structure.OnExhaustedUnused(draft.report.what(path), value), path, key=True)


def check_error_rules(draft: Draft) -> None:
    """Rules that no error reaches, and keys of rules that mean nothing there."""
    codes: set[str] = set()
    for number, raw, rule in _rules(draft):
        _check_rule(draft, number, raw, rule)
        matched = set(rule.get("match", ()))
        if matched and matched <= codes:
            _unreachable(draft, number, "the rules before it match all its codes")
        codes |= matched
        if "match" not in raw and "do" in rule and number + 1 < len(draft.raw["on_error"]):
            _unreachable(draft, number + 1, f"`on_error[{number}]` matches every error")
            return


def _rules(draft: Draft) -> Iterator[tuple[int, Fields, Fields]]:
    """Number, mapping in the document, and fields of every rule that could be read."""
    rules = draft.fields.get("on_error")
    if isinstance(rules, list):
        for number, rule in enumerate(rules):
            if rule is not MISSING:
                yield number, draft.raw["on_error"][number] or {}, rule


def _unreachable(draft: Draft, number: int, reason: str) -> None:
    path = draft.path("on_error", number)
    draft.report.add(composition.RuleUnreachable(draft.report.what(path), reason), path)


def _check_rule(draft: Draft, number: int, raw: Fields, rule: Fields) -> None:
    if "match" in raw and rule.get("match") == ():
        path = draft.path("on_error", number, "match")
        advice = "name error codes, or remove `match` to match every error"
        draft.report.add(structure.ListEmpty(draft.report.what(path), advice), path, key=True)
    if "do" not in rule:
        return
    if rule["do"] != OnError.RETRY:
        if "retry" in raw:
            misplaced(draft, "retry", "`do: retry`", "on_error", number)
    elif "retry" in raw and "retry" not in rule:
        return  # how it retries, and what when no attempt is left, is not known
    policy = _Policy.of(draft.raw, draft.fields, draft.around.defaults)
    if "fallback" in raw and not policy.can_skip(rule):
        misplaced(draft, "fallback", "`do: skip`", "on_error", number)
