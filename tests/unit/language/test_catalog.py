"""The catalog: every kind is worded once and explains itself."""

from __future__ import annotations

import pytest

from ael.language import KINDS, explain
from ael.language.catalog import listing
from ael.language.suggest import nearest


def test_a_code_explains_its_kind_in_any_case() -> None:
    assert explain("ael204") == explain("AEL204")
    assert "circle" in (explain("AEL204") or "")
    assert explain("AEL999") is None


def test_codes_are_ordered_and_wellformed() -> None:
    assert list(KINDS) == sorted(KINDS)
    assert all(code == kind.code and len(code) == 6 and code[3:].isdigit() for code, kind in KINDS.items())


@pytest.mark.parametrize(
    ("names", "text"),
    [((), "none"), (("a",), "a"), (tuple("ab"), "a and b"),
     (tuple("abc"), "a, b and c"), (tuple("abcdefghij"), "a, b, c, d, e, f, g, h and 2 more")],
    ids=["none", "one", "two", "three", "many"],
)  # fmt: skip
def test_listing(names: tuple[str, ...], text: str) -> None:
    assert listing(names) == text


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("fecth", ["fetch", "patch"], "fetch"),
        ("URL", ["url"], "url"),
        ("xyz", ["fetch"], None),
        ("a", [], None),
        ("x" * 200, ["x" * 199], None),
        ("n1", [f"n{i}" for i in range(5000)], None),
    ],
    ids=["transposed", "other case", "nothing like it", "nothing known", "too long", "too many"],
)
def test_nearest(name: str, known: list[str], found: str | None) -> None:
    assert nearest(name, known) == found
