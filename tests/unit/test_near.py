"""The name that was probably meant: the most alike of a few, one slip away among many."""

from __future__ import annotations

from difflib import get_close_matches

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.near import FEW, nearest

MANY = [f"step_number_{number}" for number in range(FEW)] + ["depends_on", "Timeout"]

AMONG_MANY: dict[str, tuple[str, str | None]] = {
    "itself": ("timeout", "Timeout"),
    "exchanged": ("depedns_on", "depends_on"),
    "one too few": ("dependson", "depends_on"),
    "one too many": ("dependss_on", "depends_on"),
    "a wrong one": ("depemds_on", "depends_on"),
    "another case": ("TIMEUOT", "Timeout"),
    "two slips": ("depemdz_on", None),
    "something else": ("retry", None),
    "nothing": ("", None),
    "too long to try": ("x" * 41, None),
}


@pytest.mark.parametrize(("name", "expected"), AMONG_MANY.values(), ids=AMONG_MANY)
def test_among_many(name: str, expected: str | None) -> None:
    assert nearest(name, MANY) == expected


def test_among_many_the_most_alike_of_those_a_slip_away() -> None:
    assert nearest("AEL2O4", [*MANY, "AEL214", "AEL204", "AEL124"]) == nearest("AEL2O4", ["AEL214", "AEL204", "AEL124"])


@pytest.mark.parametrize(
    ("name", "known"),
    [("x" * 101, ["x" * 100]), ("stp", [f"step{n}" for n in range(2001)]), ("a", [])],
    ids=["too long", "too many", "none"],
)
def test_what_is_not_compared(name: str, known: list[str]) -> None:
    assert nearest(name, known) is None


words = st.text("abcde_", max_size=8)


@given(words, st.lists(words, max_size=FEW, unique=True))
def test_among_a_few_it_is_the_most_alike(name: str, known: list[str]) -> None:
    expected = name if name in known else next(iter(get_close_matches(name, known, n=1, cutoff=0.6)), None)
    assert nearest(name, known) == expected


@given(words, st.lists(words, max_size=3 * FEW))
def test_whatever_is_found_is_known(name: str, known: list[str]) -> None:
    found = nearest(name, known)
    assert found is None or found in known
