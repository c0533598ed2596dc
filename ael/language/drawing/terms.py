"""A step's terms in a few words each: when it runs, how often, and what follows from its failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from ael.definition import (
    BlockBody,
    Body,
    ChooseBody,
    CodeBody,
    Defaults,
    ExitBody,
    ForEach,
    Join,
    Repeat,
    StepDefinition,
    ToolBody,
    WorkflowBody,
)
from ael.types import JsonValue, OnError, RetryConfig

__all__ = ["Term", "one_line", "terms_of", "what_it_does"]

_LONGEST = 80


class Term(NamedTuple):
    """One circumstance: ``kind`` is the key of the file it comes from."""

    kind: str
    text: str


def what_it_does(body: Body) -> str:
    """What a body calls, or what it is."""
    match body:
        case ToolBody(tool=tool, server=server):
            return tool if server is None else f"{server}.{tool}"
        case CodeBody(executor=executor):
            return "code" if executor == "safe" else f"code ({executor})"
        case BlockBody():
            return "block"
        case ChooseBody():
            return "choose"
        case WorkflowBody(workflow=workflow):
            return f"workflow {workflow}"
        case ExitBody(status=status):
            return f"exit {status}"


def terms_of(step: StepDefinition, defaults: Defaults) -> Iterator[Term]:
    """The terms of a step: those on which it runs, the outermost first, then what follows from a failure."""
    yield from _turns(step)
    inherited = defaults if isinstance(step.body, ToolBody | CodeBody) else Defaults()
    attempts = _most_attempts(step, inherited.retry)
    if attempts > 1:
        yield Term("retry", f"up to {attempts} attempts")
    if _skips(step, inherited.on_error):
        yield Term("on_error", "skipped on error")
    if step.on_missing_tool is OnError.SKIP:
        yield Term("on_missing_tool", "skipped without the tool")
    if step.undo is not None:
        yield Term("undo", f"undone by {what_it_does(step.undo.body)}")
    if step.limits:
        yield Term("limits", f"limited by {', '.join(step.limits)}")


def _turns(step: StepDefinition) -> Iterator[Term]:
    """When the step's turn comes, and how often."""
    if step.join is not None:
        yield Term("join", _join(step.join))
    if step.when is not None:
        yield Term("when", f"when {one_line(step.when)}")
    if step.for_each is not None:
        yield Term("for_each", _for_each(step.for_each))
    if step.repeat is not None:
        yield Term("repeat", _repeat(step.repeat))


def _join(join: Join) -> str:
    if join.at_least is None:
        return "however they ended"
    enough = "one" if join.at_least == 1 else str(join.at_least)
    return f"as soon as {enough} completed" + (", the rest is cancelled" if join.cancel_rest else "")


def _for_each(loop: ForEach) -> str:
    limits = [] if loop.max_parallel is None else [f"{loop.max_parallel} at once"]
    if loop.tolerate:
        share = f"{loop.tolerate:.0%}" if isinstance(loop.tolerate, float) else str(loop.tolerate)
        limits.append(f"{share} may fail")
    return f"for each {loop.name} of {one_line(loop.items)}" + (f" ({', '.join(limits)})" if limits else "")


def _repeat(repeat: Repeat) -> str:
    until = "" if repeat.until is None else f" until {one_line(repeat.until)}"
    pause = f", {repeat.every:g} s apart" if repeat.every else ""
    most = f"{repeat.max} rounds" if repeat.until is None else f", at most {repeat.max} rounds"
    return f"repeat{until or ' '}{most}{pause}"


def _most_attempts(step: StepDefinition, default: RetryConfig | None) -> int:
    given = [rule.retry or RetryConfig() for rule in step.error_rules if rule.do is OnError.RETRY]
    retry = step.retry or default
    if retry is None and step.on_error is OnError.RETRY:
        retry = RetryConfig()
    return max((each.max_attempts for each in (*given, *(() if retry is None else (retry,)))), default=1)


def _skips(step: StepDefinition, default: OnError | None) -> bool:
    if step.error_rules:
        return any(rule.do is OnError.SKIP for rule in step.error_rules)
    on_error = step.on_error or default
    exhausted = step.retry is not None and step.retry.on_exhausted is OnError.SKIP
    return on_error is OnError.SKIP or (on_error is OnError.RETRY and exhausted)


def one_line(value: JsonValue) -> str:
    """A template or a value on one line, without the braces around all of it; a long one is cut.

    Nothing in it can do anything to a terminal.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
    inner = text.removeprefix("{{").removesuffix("}}")
    if text.startswith("{{") and text.endswith("}}") and "{{" not in inner:
        text = inner.strip()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
