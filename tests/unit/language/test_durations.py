"""Durations: numbers are seconds, units stand in order; rates are a number per unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.language import parse_duration
from ael.language.durations import parse_rate
from ael.types import JsonValue

SECONDS = {
    0: 0, 30: 30, 1.5: 1.5, "30": 30, "1.5": 1.5, ".5": 0.5, " 7 ": 7, "30s": 30, "500ms": 0.5, "1m30s": 90,
    "2h": 7200, "1d2h3m4s5ms": 93784.005, "1.5h": 5400, "0s": 0, "5m": 300, "1m5ms": 60.005,
}  # fmt: skip
NOT_DURATIONS = (
    True, False, None, [], {}, -1, -0.5, "-1", "-1s", "", " ", "s", "ms", "1 m", "1s1m", "1m1m", "1w", "5 minutes",
    "1e3", "1m30", "30sec", float("inf"), float("nan"), 10**400, "9" * 400, "٣s", "1s\n2ms",
)  # fmt: skip


@pytest.mark.parametrize(("written", "seconds"), SECONDS.items(), ids=repr)
def test_durations(written: object, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize("written", NOT_DURATIONS, ids=lambda value: repr(value)[:20])
def test_what_is_no_duration(written: object) -> None:
    assert parse_duration(written) is None


@given(*(st.integers(0, 10**6) for _ in range(5)))
def test_units_add_up(days: int, hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds + milliseconds / 1000
    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s{milliseconds}ms") == pytest.approx(total)


RATES = {
    "60/m": (60, 60), "1/s": (1, 1), " 5 / h ": (5, 3600), "100/d": (100, 86400), "2/ms": (2, 0.001), "007/s": (7, 1),
    "999999999/s": (999_999_999, 1),
}  # fmt: skip
NOT_RATES = (
    None, True, 60, 1.5, [], {}, "", "60", "/m", "60/", "0/m", "00/s", "-1/s", "1.5/s", "60/minute", "60/2m", "60/m/s",
    "60 per m", "1e3/s", "٣/s", "1/s\nx", "1" * 10 + "/s", "1/M",
)  # fmt: skip


@pytest.mark.parametrize(("written", "rate"), RATES.items(), ids=repr)
def test_rates(written: str, rate: tuple[int, float]) -> None:
    assert parse_rate(written) == pytest.approx(rate)


@pytest.mark.parametrize("written", NOT_RATES, ids=lambda value: repr(value)[:20])
def test_what_is_no_rate(written: JsonValue) -> None:
    assert parse_rate(written) is None
