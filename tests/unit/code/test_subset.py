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


LOCALS = ("item", "index", "last", "output")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("return totl", [("CODE_RUNTIME", 1, 8, 4)]),
        ("return f(x) + f(y)", [("CODE_RUNTIME", 1, 8, 1), ("CODE_RUNTIME", 1, 10, 1), ("CODE_RUNTIME", 1, 17, 1)]),
        ("é = 1; ö = ü", [("CODE_RUNTIME", 1, 12, 1)]),
        ("return secrets.TOKEN", [("CODE_RUNTIME", 1, 8, 7)]),
        ("return page", [("CODE_RUNTIME", 1, 8, 4)]),
        ("def f():\n  return nope", [("CODE_RUNTIME", 2, 10, 4)]),
        ("try:\n  nope\nexcept ValueError: pass", [("CODE_RUNTIME", 2, 3, 4)]),
        ("open(nope)", [(X, 1, 1, 0), ("CODE_RUNTIME", 1, 6, 4)]),
        ("return item.name", [(U, 1, 8, 0)]),
        ("return item['a'].name, output.id", [(U, 1, 24, 0)]),
        ("return last.output.rows", [(U, 1, 8, 0)]),
        ("x =", [(S, 1, 4, 0)]),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_names_that_are_not_there_and_data_that_has_no_attributes(
    code: str, expected: list[tuple[str, int, int, int]]
) -> None:
    problems = parse(code, LOCALS)[1]
    assert [(problem.code, problem.line, problem.column, problem.length) for problem in problems] == expected


@pytest.mark.parametrize(
    "code",
    [
        "return item['a'], index, last.output, last['round'], output",
        "return item.items(), item.get('a'), item.strip(), last.output.keys(), last.status",
        "return inputs, steps, config, workflow, context, log, print, result",
        "for item in inputs.rows: item.name",
        "return [item.name for item in inputs.rows]",
        "last = f = lambda: 1\nreturn last.output.x",
        "item = {}\nreturn item",
        "def f(a, *b, c=1, **d):\n  return a, b, c, d\nreturn f",
        "def f():\n  global g\n  g = 1\nf()\nreturn g",
        "class A:\n  x = 1\nreturn A",
        "import os.path, json as j\nreturn os, j",
        "try:\n  import numpy as np\nexcept ImportError:\n  pass\nreturn np",
        "try:\n  return unknown\nexcept NameError:\n  return 1",
        "with f() as g: return g\ndef f(): pass",
        "match inputs.x:\n  case {'a': b, **rest}: return b, rest\n  case [c, *d]: return c, d\n  case e: return e",
        "if (n := 1): return n",
        "return __name__, __ael_thing, Exception, NotImplemented",
        "[(x, y) for x in a for y in x]\na = 1",
        "try:\n  f = 1\nexcept Exception as e:\n  return e, f",
    ],
)
def test_names_that_are_there(code: str) -> None:
    assert parse(code, LOCALS)[1] == []


@pytest.mark.parametrize(
    ("code", "names", "hint"),
    [
        ("return totl\ntotal = 1", (), "did you mean 'total'?"),
        ("return paeg", ("page",), "did you mean 'page'?"),
        ("return stps", (), "did you mean 'steps'?"),
        ("return null", (), "write `None`"),
        ("return math.pi", (), "write `import math` before"),
        ("return item", (), "inside a step with `for_each` it is the item"),
        ("return item", ("index", "page", "last"), "did you mean 'page'?"),
        ("return item", ("page", "row"), "inside a step with `for_each` it is the item"),
        ("return zzzzz", (), None),
        ("return item.name", ("item",), 'write item["name"]'),
        ("return last.output.k", ("last",), 'write last.output["k"]'),
    ],
)
def test_what_to_do_about_a_name(code: str, names: tuple[str, ...], hint: str | None) -> None:
    (problem,) = parse(code, names)[1]
    assert problem.hint == hint


def test_the_executor_is_told_the_names_it_will_get() -> None:
    executor = SafeExecutor(Settings())
    assert [problem.message for problem in executor.check("return item, page", ["page"])] == ["'item' is not defined"]
    assert executor.check("return item, page", ["page", "item"]) == []


@given(st.text(alphabet="abx=()[]{}:.,'\"\n \\0123é#@*return"))
def test_problems_lie_inside_the_code(code: str) -> None:
    lines = code.split("\n")
    for problem in parse(code, ("a",))[1]:
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
