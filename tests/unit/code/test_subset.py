"""What is refused before it runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.code.parse import parse
from ael.code.safe import SafeExecutor
from ael.settings import Settings

S, U, X = "CODE_SYNTAX", "CODE_UNSUPPORTED", "CODE_SECURITY"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x =", [(S, 1, 4)]),
        ("break", [(S, 1, 1)]),
        ("def f():\n  await g()", [(S, 2, 3)]),
        ("def f(a, a): pass", [(S, 1, 10)]),
        ("class A:\n  return 1", [(S, 2, 3)]),
        ("a\0b", [(S, 1, 1)]),
        ("def f():\n  yield 1", [(U, 2, 3)]),
        ("def f():\n  yield from g()", [(U, 2, 3)]),
        ("x = 1\ndel x", [(U, 2, 1)]),
        ("class A(B): pass", [(U, 1, 9)]),
        ("class A(metaclass=B): pass", [(U, 1, 19)]),
        ("class A:\n  @property\n  def f(self): pass", [(U, 2, 4)]),
        ("async for x in y: pass", [(U, 1, 1)]),
        ("async with x: pass", [(U, 1, 1)]),
        ("[x async for x in y]", [(U, 1, 14)]),
        ("try: f()\nexcept* E: pass", [(U, 1, 1)]),
        ("import numpy", [(U, 1, 1)]),
        ("import json, statistics", [(U, 1, 1)]),
        ("from urllib.parse import quote", [(U, 1, 1)]),
        ("from . import x", [(U, 1, 1)]),
        ("from json import *", [(U, 1, 1)]),
        ("import subprocess", [(X, 1, 1)]),
        ("import urllib.request", [(X, 1, 1)]),
        ("x = 'é'; import socket", [(X, 1, 10)]),
        ("open('x')", [(X, 1, 1)]),
        ("import os\nos.system('x')", [(X, 2, 1)]),
        ("raise SystemExit(1)", [(U, 1, 1)]),
        ("import sys\nsys.exit()", [(U, 2, 1)]),
        ("return steps.a.output.rows", [(U, 1, 8)]),
        ('return steps["a"].error.code', [(U, 1, 8)]),
        ("return context.inputs.user.name", [(U, 1, 8)]),
        ("import numpy\nx = dir()", [(U, 1, 1), (U, 2, 5)]),
        ("return await tools.git.git_log()", [(U, 1, 14)]),
        ('return await call_tool("x", {})', [(U, 1, 14)]),
        ('x = context.tools.call("x", {})', [(U, 1, 5)]),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_is_a_problem_with_its_place_and_advice(code: str, expected: list[tuple[str, int, int]]) -> None:
    problems = parse(code)[1]
    assert [(problem.code, problem.line, problem.column) for problem in problems] == expected
    assert all(problem.hint for problem in problems if problem.code != S)


@pytest.mark.parametrize(
    "code",
    [
        "return await f()",
        "import json, re\nfrom datetime import datetime\nfrom __future__ import annotations",
        "try:\n  import numpy\nexcept ImportError:\n  numpy = None",
        "def open(x): return x\nopen(1)",
        "for dir in ['a']: print(dir)",
        "class A:\n  x = 1\n  def f(self): return self.x",
        "return steps.a.output.splitlines() + inputs.x.get('a').upper()",
        "x = steps.a\nreturn x.output",
        "match inputs.x:\n  case {'a': b}: return b",
        "x = '\\d'",
        "return 1 is 1",
        "",
    ],
)
def test_is_fine(code: str) -> None:
    assert parse(code)[1] == []


def test_the_problem_of_plain_data_says_what_to_write() -> None:
    (problem,) = parse("return steps.a.output.rows")[1]
    assert problem.hint == 'write steps.a.output["rows"]'


@given(st.text(alphabet="abx=()[]{}:.,'\"\n \\0123é#@*return"))
def test_problems_lie_inside_the_code(code: str) -> None:
    lines = code.split("\n")
    for problem in parse(code)[1]:
        assert 1 <= problem.line <= len(lines) + 1
        assert problem.column >= 1


def test_a_missing_extra_is_told_statically() -> None:
    problems = SafeExecutor(Settings(), sandbox="no_such_module").check("return 1")
    assert [(problem.code, problem.hint) for problem in problems] == [("CODE_UNAVAILABLE", "pip install 'ael[code]'")]


def test_checking_starts_nothing(executor: SafeExecutor) -> None:
    fresh = SafeExecutor(Settings())
    assert fresh.check("return 1") == []
    assert fresh._pool is None
    assert not fresh._workers._threads
