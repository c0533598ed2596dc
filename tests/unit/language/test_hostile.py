"""What breaking files by the hundred thousand once found: exceptions, and files that took far too long.

How long is counted in what was done, not in seconds.
"""

from __future__ import annotations

import pytest

from ael.dataflow import analyse
from ael.language import parse
from ael.language.checks.context import Context
from tests.mutations import check_text

CIRCLES = "name: w\nsteps:\n" + "".join(f"  - {{id: s{n}, code: return 1, depends_on: s{n ^ 1}}}\n" for n in range(200))

BROKE: dict[str, str] = {
    "what cannot be read, in inputs as a list": "name: w\ninputs: [a: {x: .nan}]\nsteps: [{id: a, code: return 1}]\n",
    "an unknown alias in inputs as a list": (
        "name: w\ninputs:\n  - name:\n      type: *x\nsteps: [{id: a, code: return 1}]\n"
    ),
    "attempts beyond all counting": (
        "name: w\ntimeout: 1m\nsteps:\n  - {id: a, tool: echo, timeout: 1h, retry: {max_attempts: 1000, delay: 1e308,"
        " max_delay: 1e308}}\n  - {id: b, tool: nobody}\n"
    ),
    "more attempts and rounds than floats can count": (
        f"name: w\ntimeout: 1m\nsteps:\n  - {{id: a, tool: echo, timeout: 1h, retry: {10**400}}}\n"
        f"  - {{id: b, tool: nobody, timeout: 1h, repeat: {{max: {10**400}}}, depends_on: a}}\n"
    ),
    "timeouts in the order of the largest float": (
        "name: w\ndefaults: {timeout: {attempt: 1.7e308, total: 1}}\nsteps: [{id: a, tool: nobody}]\n"
    ),
    "a required name that is none": (
        "name: w\ninputs: {a: {type: object, required: [{}, [[]], b]}}\n"
        "steps: [{id: a, workflow: self, when: inputs.a, params: {a: {c: 1}}}]\n"
    ),
}


@pytest.mark.parametrize("text", BROKE.values(), ids=BROKE)
def test_it_is_a_matter_of_diagnostics(text: str) -> None:
    assert any(problem.is_error for problem in check_text(text))


@pytest.mark.parametrize("code", ["return 1if 1else 2", 'return "\\d"', "return 1 is 1"])
def test_warnings_about_code_are_neither_printed_nor_errors(code: str) -> None:
    """The suite makes errors of warnings, which Python's parser then reports as errors of syntax."""
    assert (
        check_text(f"name: w\nsteps:\n  - id: a\n    code: |\n      {code}\noutput: '{{{{ steps.a.output }}}}'\n") == ()
    )
    old = f"name: w\nsteps:\n  - id: a\n    code: |\n      x = context.inputs\n      result = ({code[7:]})\n"
    assert {problem.code for problem in check_text(old)} <= {"AEL195", "AEL196", "AEL197"}


def test_of_very_many_circles_some_are_told() -> None:
    found = [problem for problem in check_text(CIRCLES) if problem.code == "AEL204"]
    assert len(found) == 20


def test_a_text_is_read_once_for_all_problems_in_it() -> None:
    definition, _ = parse('name: w\nsteps: [{id: a, tool: t, params: {x: "a text"}}]\n')
    assert definition is not None
    checked = Context.of(definition, analyse(definition))
    path = ("steps", 0, "params", "x")
    place = checked.placer(path, "a text")
    assert place is not None
    assert checked.placer(path, "a text") is place
    assert checked.placer(("name",), "w") is not place
    assert checked.placer(("nowhere",), "w") is None
