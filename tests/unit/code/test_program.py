"""The way from the user's lines and columns to the sandbox's and back."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.code.program import read_program


@pytest.mark.parametrize(
    ("code", "body"),
    [
        pytest.param("return 1", "return __ael_out(( 1))", id="value"),
        pytest.param("return", "return __ael_out(None)", id="nothing"),
        pytest.param("return 1, 2  # both", "return __ael_out(( 1, 2))  # both", id="comment"),
        pytest.param("return(1)", "return __ael_out(((1)))", id="no-space"),
        pytest.param("return 'é'; x = 1", "return __ael_out(( 'é')); x = 1", id="non-ascii"),
        pytest.param("return [\n  1,\n]", "return __ael_out(( [\n  1,\n]))", id="many-lines"),
        pytest.param(
            "if x: return 1\nelse: return 2",
            "if x: return __ael_out(( 1))\nelse: return __ael_out(( 2))",
            id="branches",
        ),
        pytest.param(
            "try:\n return 1\nexcept E:\n return 2\nfinally:\n return 3",
            "try:\n return __ael_out(( 1))\nexcept E:\n return __ael_out(( 2))\nfinally:\n return __ael_out(( 3))",
            id="try",
        ),
        pytest.param("match x:\n case 1: return 2", "match x:\n case 1: return __ael_out(( 2))", id="match"),
        pytest.param("def f():\n return 1", "def f():\n return 1", id="function"),
        pytest.param("class A:\n def f(self): return 1", "class A:\n def f(self): return 1", id="method"),
        pytest.param("x = '''\nreturn 1\n'''", "x = '''\nreturn 1\n'''", id="text"),
    ],
)
def test_only_the_results_of_the_step_itself_are_passed_through(code: str, body: str) -> None:
    program = read_program(code)
    assert not program.problems
    sent, _, ending = program.body.rpartition("\nreturn ")
    assert (sent, ending) == (body, "__ael_out(result)\n")


expressions = st.sampled_from(
    ["1", "x", "(x)", "f(x, 'é')", "[1, 2]", "a, *b", "await f()", "lambda: 1", "x if y else z", "'ü' + x"]
)
statements = st.builds(
    lambda before, value, after: f"{before}return {value}{after}",
    st.sampled_from(["", "if x: ", "y = 'ß'; ", "for x in y: ", "while (z): "]),
    expressions,
    st.sampled_from(["", "  # why", "; x = 2", "; return 7"]),
)


@given(st.lists(statements, min_size=1, max_size=5))
def test_every_character_finds_back_to_its_own_column(lines: list[str]) -> None:
    program = read_program("\n".join(lines))
    assert not program.problems
    ast.parse(program.body)
    sent = program.body.split("\n")
    for number, line in enumerate(lines, start=1):
        at = 0
        for column, character in enumerate(sent[number - 1], start=1):
            origin = program.column(number, column)
            if at < len(line) and line[at] == character and origin == at + 1:
                at += 1
        assert at == len(line)


def test_a_column_inside_an_insertion_is_where_it_was_made() -> None:
    program = read_program("return 1")
    assert {program.column(1, column) for column in range(7, 19)} == {7}


def test_half_a_character_is_a_syntax_error() -> None:
    assert [problem.code for problem in read_program("x = '\ud800'").problems] == ["CODE_SYNTAX"]


@pytest.mark.parametrize(
    "code", ["x" + "+x" * 400, "x" + "+x" * 5000, "-" * 5000 + "1", "(" * 500, "[" * 150 + "]" * 150], ids=len
)
def test_deep_nesting_is_a_problem_or_fine_but_never_an_exception(code: str) -> None:
    assert all(problem.code == "CODE_SYNTAX" for problem in read_program(code).problems)


@given(st.text())
def test_any_text_can_be_read(code: str) -> None:
    read_program(code)
