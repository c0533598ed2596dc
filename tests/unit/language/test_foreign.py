"""What other languages call our keys, and how they write durations."""

from __future__ import annotations

import pytest

from ael.language.durations import parse_duration
from ael.language.foreign import KEYS, foreign_duration
from ael.language.tables import TABLES

BY_TITLE = {table.title: table for table in TABLES}


@pytest.mark.parametrize("title", KEYS)
def test_foreign_keys_stand_for_keys_there_are_and_hide_none(title: str) -> None:
    rows = BY_TITLE[title].rows
    assert all(rows[ours].shape is not None for ours in KEYS[title].values())
    assert set(KEYS[title]).isdisjoint(rows)


DURATIONS = {
    "5min": "5m",
    "5 M": "5m",
    "30 seconds": "30s",
    "1 hour and 30 minutes": "1h30m",
    "2 days, 1 hr": "2d1h",
    "100 msec": "100ms",
    "10 milliseconds": "10ms",
    "00:05:00": "5m",
    "01:00:30": "1h30s",
    "PT5M": "5m",
    "1s30m": None,
    "00:00:00": None,
    "5m": None,
    "soon": None,
    "": None,
}


@pytest.mark.parametrize(("written", "ours"), DURATIONS.items(), ids=DURATIONS)
def test_durations_of_others(written: str, ours: str | None) -> None:
    assert foreign_duration(written) == ours
    assert ours is None or parse_duration(ours)
