"""The judge of the suite can say no."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ael.events import Event, StepCompleted, StepSkipped, StepStarted
from tests.conformance.observed import Observed

KINDS = {"+": StepStarted, "-": StepCompleted, "~": StepSkipped}


def observed(line: str) -> Observed:
    """``+a -a ~b``: a started and completed, b was skipped."""
    now = datetime.fromtimestamp(0, UTC)
    events: list[Event] = [
        KINDS[word[0]](
            seq=number, ts=now, execution_id="x", path=word[1:], **({"reason": "x"} if word[0] == "~" else {})
        )
        for number, word in enumerate(line.split(), 1)
    ]
    return Observed(events)


CASES = {
    "a < b": ("+a -a +b -b", "+a +b -a -b"),
    "a | b": ("+a +b -a -b", "+a -a +b -b"),
    "b | a": ("+a +b -b -a", "+b -b +a -a"),
    "not started: a": ("+ab -ab ~a", "+a[0].b -a[0].b"),
    "p < a": ("+p[0].x -p[0].x +p[1].x -p[1].x +a -a", "+p[0].x -p[0].x +a +p[1].x -p[1].x -a"),
    "p[0] < a": ("+p[0].x -p[0].x +a -a", "+a -a +p[0].x -p[0].x"),
    "p[1].x < p[0].y": ("+p[1].x -p[1].x +p[0].y -p[0].y", "+p[0].y -p[0].y +p[1].x -p[1].x"),
}


@pytest.mark.parametrize(("constraint", "kept", "broken"), [(key, *lines) for key, lines in CASES.items()], ids=CASES)
def test_a_constraint_holds_or_does_not(constraint: str, kept: str, broken: str) -> None:
    assert observed(kept).misses(constraint) is None
    assert observed(broken).misses(constraint) is not None


@pytest.mark.parametrize("constraint", ["a < b", "b < a", "a | b", "b | a"])
def test_what_never_started_has_no_order(constraint: str) -> None:
    assert observed("+a -a ~b").misses(constraint) == "b never started"
