"""Plain scalars mean what the core schema of YAML 1.2 says, and nothing more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.language.scalars import NotFiniteError, plain_value

VALUES = {
    "": None, "~": None, "null": None, "Null": None, "true": True, "TRUE": True, "False": False,
    "0": 0, "-7": -7, "+7": 7, "007": 7, "0x1F": 31, "0o17": 15, "1.5": 1.5, ".5": 0.5, "1.": 1.0, "-1e3": -1000.0,
    "+1E-2": 0.01,
}  # fmt: skip
TEXTS = (
    "on", "off", "yes", "no", "y", "n", "12:30", "2020-01-01", "1_000", "0b11", "0x", "0o8", "-0x1", "1e", "e3", "-",
    ".", "+", "1.2.3", "1,000", "nULL", "tRUE", "²", "٣", "1 2", "inf", "nan", "Infinity",
)  # fmt: skip


@pytest.mark.parametrize(("text", "value"), VALUES.items(), ids=repr)
def test_values(text: str, value: object) -> None:
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)


@pytest.mark.parametrize("text", TEXTS)
def test_everything_else_is_text(text: str) -> None:
    assert plain_value(text) == text
    assert isinstance(plain_value(text), str)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".inf", "-.Inf", "+.INF", "1e999", "9" * 5000, "0x" + "f" * 5000])
def test_numbers_that_json_cannot_say(text: str) -> None:
    with pytest.raises(NotFiniteError):
        plain_value(text)


@given(st.integers())
def test_integers_come_back(number: int) -> None:
    assert plain_value(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back(number: float) -> None:
    value = plain_value(repr(number))
    assert value == number
    assert isinstance(value, float)
