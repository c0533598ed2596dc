"""What code reads, found without running it."""

from __future__ import annotations

import pytest

from ael.code_references import code_references

NAMED = {
    "return steps.a.output": ["steps.a@1:8"],
    'return steps["get-user"].output + steps.b.output': ["steps.get-user@1:8", "steps.b@1:35"],
    'x = steps.get("a")\nreturn x': ["steps.a@1:5"],
    'x = steps.get("a", steps.b)': ["steps.a@1:5", "steps.b@1:20"],
    'return context.steps["a"].output': ["steps.a@1:8"],
    "return context.steps.a.output": ["steps.a@1:8"],
    "return inputs.n + inputs['m'] + inputs.get('k')": ["inputs.n@1:8", "inputs.m@1:19", "inputs.k@1:33"],
    "return context.inputs['n']": ["inputs.n@1:8"],
    "é = steps.a": ["steps.a@1:5"],
    "if True:\n    x = steps.a\nelse:\n    x = steps.b": ["steps.a@2:9", "steps.b@4:9"],
    "return steps.items.output": ["steps.items@1:8"],
    "await log(steps.a.output)": ["steps.a@1:11"],
    "return f'{steps.a.output}'": ["steps.a@1:11"],
    "x = f'''\n  {steps.a}'''": ["steps.a@2:4"],
    "return [steps.a.output for x in inputs.xs]": ["steps.a@1:9", "inputs.xs@1:33"],
    "def f(x=steps.a):\n    return steps.b\nreturn f()": ["steps.a@1:9", "steps.b@2:12"],
    "f = lambda x: steps.a\nreturn f(1)": ["steps.a@1:15"],
    "class C:\n    x = steps.a\n    def m(self):\n        return steps.b": ["steps.a@2:9", "steps.b@4:16"],
    "with steps.a as x, steps.b:\n    y = steps.c": ["steps.a@1:6", "steps.b@1:20", "steps.c@2:9"],
    "try:\n    steps.a\nexcept E as e:\n    steps.b\nelse:\n    steps.c\nfinally:\n    steps.d": [
        "steps.a@2:5",
        "steps.b@4:5",
        "steps.c@6:5",
        "steps.d@8:5",
    ],
    "while steps.a:\n    steps.b": ["steps.a@1:7", "steps.b@2:5"],
    "for x in steps.a.output:\n    steps.b\nelse:\n    steps.c": ["steps.a@1:10", "steps.b@2:5", "steps.c@4:5"],
    "steps['x'] = 1": ["steps.x@1:1"],
    "x = 1\r\nreturn steps.a": ["steps.a@2:8"],
    "'steps.a'  # steps.b": [],
    "x.steps.a": [],
    "return item['steps'].a, last.output, index, output.inputs": [],
    "for item in item['rows']:\n    steps.a\nlast = steps.b": ["steps.a@2:5", "steps.b@3:8"],
    "context.log('x'); context.tools.call('y')": [],
}


@pytest.mark.parametrize(("code", "expected"), NAMED.items(), ids=NAMED)
def test_names_with_places(code: str, expected: list[str]) -> None:
    reads = code_references(code)
    found = sorted((*reads.steps, *reads.inputs), key=lambda each: (each.line, each.column))
    assert [f"{each.root}.{each.name}@{each.line}:{each.column}" for each in found] == expected
    assert not reads.reads_any_step
    assert reads.syntax_error is None


ANY = [
    "for s in steps: pass",
    "return steps[inputs.k]",
    "return steps.get(name)",
    "return steps.get('a' + 'b')",
    "return steps.values()",
    "return list(steps.items())",
    "return f(steps)",
    "return f(x=context.steps)",
    "s = steps",
    "return 'a' in steps",
    "return steps[0]",
    "return f(context)",
    "return getattr(context, 'steps').a",
    "return {**steps}",
    "def f(s=steps): pass",
]


@pytest.mark.parametrize("code", ANY)
def test_any_other_use_may_read_any_step(code: str) -> None:
    reads = code_references(code)
    assert reads.reads_any_step
    assert reads.steps == ()


@pytest.mark.parametrize("code", ["return inputs", "return inputs[k]", "return dict(inputs.items())", "x = 1", ""])
def test_whole_inputs_read_no_step(code: str) -> None:
    reads = code_references(code)
    assert (reads.steps, reads.inputs, reads.reads_any_step) == ((), (), False)


SHADOWED = {
    "def f(steps):\n    return steps.a\nreturn f({})": [],
    "def f():\n    x = steps.a\n    steps = {}\nreturn 1": [],
    "f = lambda steps: steps.a": [],
    "x = [steps.a for steps in y]": [],
    "x = {k: steps for k, steps in y}": [],
    "steps = steps.a\nreturn steps.b": ["a"],
    "for steps in inputs.x:\n    steps.a\nsteps.b": [],
    "with f() as steps:\n    steps.a": [],
    "try:\n    f()\nexcept E as steps:\n    steps.a\nsteps.b": ["b"],
    "def steps(): pass\nsteps.a": [],
    "class steps: pass\nsteps.a": [],
    "import steps\nsteps.a": [],
    "import x as steps\nsteps.a": [],
    "from x import steps\nsteps.a": [],
    "context = f()\ncontext.steps.a": [],
    "if x:\n    steps = {}\nsteps.a": ["a"],
    "if x:\n    steps = {}\nelse:\n    steps = {}\nsteps.a": [],
    "def f():\n    try:\n        pass\n    except E as steps:\n        pass\n    return steps.a": [],
    "def f():\n    y = [steps for steps in z]\n    return steps.a": ["a"],
    "def f():\n    y = lambda steps: 1\n    def steps2(): pass\n    return steps.a": ["a"],
}


@pytest.mark.parametrize(("code", "expected"), SHADOWED.items(), ids=SHADOWED)
def test_names_of_the_code_hide_ours(code: str, expected: list[str]) -> None:
    reads = code_references(code)
    assert [each.name for each in reads.steps] == expected
    assert not reads.reads_any_step


@pytest.mark.parametrize(
    ("code", "line", "column"),
    [("x = (", 1, 5), ("a b", 1, 3), ("return )", 1, 8), ("x = '\n", 1, 5)],
    ids=["open", "two-names", "bracket", "string"],
)
def test_syntax_errors_have_a_place(code: str, line: int, column: int) -> None:
    reads = code_references(code)
    assert reads.syntax_error is not None
    message, *place = reads.syntax_error
    assert message
    assert place == [line, column]
    assert (reads.steps, reads.inputs) == ((), ())


@pytest.mark.parametrize(
    "code",
    ["(" * 5000, "x" + ".a" * 50_000, "\0", "-" * 50_000 + "1", "x" + ".a" * 900],
    ids=["(", "..", "nul", "-", "."],
)
def test_monstrous_code_is_a_syntax_error(code: str) -> None:
    assert code_references(code).syntax_error is not None


def test_top_level_return_and_await_are_legal() -> None:
    assert code_references("x = await f()\nreturn x").syntax_error is None
