"""Repairs by safe fixes: which, in what order, and when none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.diagnostics import Diagnostic, Edit, Fix, Severity
from ael.language.fixes import apply_fixes, fix_all
from ael.loading import load_source
from ael.source import Source

GOLDENS = Path(__file__).parents[2] / "diagnostics"


def problem(*edits: tuple[int, int, str], safe: bool = True, code: str = "AEL102") -> Diagnostic:
    """A problem of a text of one line, to be repaired by (from column, up to column, text)."""
    fix = Fix("write it", tuple(Edit(1, start, 1, end, text) for start, end, text in edits), safe)
    return Diagnostic(code, Severity.ERROR, "wrong", file="w", line=1, column=1, fix=fix)


@pytest.mark.parametrize(
    ("problems", "text", "count"),
    [
        ([], "abcdef", 0),
        ([problem((1, 2, "X"))], "Xbcdef", 1),
        ([problem((1, 2, "X"), safe=False)], "abcdef", 0),
        ([problem((1, 2, "a"))], "abcdef", 0),
        ([problem((5, 6, "EE")), problem((1, 2, "AA"))], "AAbcdEEf", 2),
        ([problem((1, 3, "X")), problem((2, 4, "Y"))], "Xcdef", 1),
        ([problem((1, 3, "X")), problem((3, 4, "Y"))], "Xcdef", 1),
        ([problem((1, 1, "X")), problem((1, 1, "Y"))], "Xabcdef", 1),
        ([problem((1, 3, "X"), (5, 6, "")), problem((2, 4, "Y"), (6, 7, "Z"))], "Xcdf", 1),
        ([problem((2, 3, "X")), problem((2, 3, "X"))], "aXcdef", 2),
    ],
    ids=["none", "one", "unsafe", "says nothing new", "later first", "overlap", "side by side", "same place",
         "never half a fix", "the same twice"],
)  # fmt: skip
def test_one_round(problems, text, count):
    repaired, applied = apply_fixes(Source("abcdef"), problems)
    assert (repaired, len(applied)) == (text, count)


@pytest.mark.parametrize(("newline", "text"), [("\n", "x\ny\nb\nc\n"), ("\r\n", "x\r\ny\r\nb\r\nc\r\n")])
def test_new_lines_break_as_the_others(newline, text):
    source = Source(newline.join(["a", "b", "c", ""]))
    assert apply_fixes(source, [problem((1, 2, "x\ny"))])[0] == text


def fixing(*rounds: tuple[str, list[Diagnostic]]):
    """A check that knows what is wrong with each text."""
    known = dict(rounds)
    return lambda source: known[source.text]


def test_what_a_repair_brings_to_light_is_repaired_too():
    first, second = problem((1, 2, "b"), code="AEL001"), problem((1, 2, "c"), code="AEL002")
    fixed = fix_all(Source("a"), fixing(("a", [first]), ("b", [second]), ("c", [])))
    assert (fixed.source.text, [each.code for each in fixed.fixed], fixed.left) == ("c", ["AEL001", "AEL002"], ())


def test_more_errors_than_before_are_refused():
    first, others = problem((1, 2, "b")), [problem((1, 2, "b"))] * 2
    source = Source("a")
    fixed = fix_all(source, fixing(("a", [first]), ("b", others)))
    assert (fixed.source, fixed.fixed, fixed.left, fixed.refused) == (source, (), (first,), True)


def test_repairs_that_go_round_end():
    there, back = problem((1, 2, "b")), problem((1, 2, "a"))
    fixed = fix_all(Source("a"), fixing(("a", [there]), ("b", [back])))
    assert fixed.source.text in "ab"


edits = st.tuples(st.integers(1, 9), st.integers(0, 4), st.text("XYZ", max_size=3))
fixes = st.lists(st.lists(edits, min_size=1, max_size=1), max_size=8)


@given(fixes)
def test_every_applied_fix_is_in_the_text_and_the_rest_is_as_it_was(drawn):
    text = "abcdefghijkl"
    problems = [problem(*((start, start + length, new) for start, length, new in each)) for each in drawn]
    repaired, applied = apply_fixes(Source(text), problems)
    assert re.sub("[XYZ]", "", repaired) == "".join(
        char
        for column, char in enumerate(text, 1)
        if not any(edit.column <= column < edit.end_column for each in applied for edit in each.fix.edits)
    )
    assert sum(len(edit.text) for edit in {e for each in applied for e in each.fix.edits}) == len(
        re.findall("[XYZ]", repaired)
    )


@pytest.mark.parametrize("path", sorted(filter(Path.is_file, GOLDENS.glob("*.yaml"))), ids=lambda p: p.stem)
def test_goldens_get_better(path):
    source = Source(path.read_bytes().decode("utf-8", "replace"), path.name)

    def check(text: Source):
        return load_source(text).diagnostics

    fixed = fix_all(source, check)
    assert not fixed.refused
    assert sum(each.is_error for each in fixed.left) <= sum(each.is_error for each in check(source))
    assert apply_fixes(fixed.source, fixed.left)[1] == []
    again = fix_all(fixed.source, check)
    assert again.source is fixed.source
