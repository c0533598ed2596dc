"""What the sandbox raises, in the language's words."""

from __future__ import annotations

import pytest

from ael.code.failures import Frame, Limits, Place, Raised, failure
from ael.code.program import read_program
from ael.ports import CodeCall

LIMITS = Limits(5.0, 1024)
TOP, COMPILING = Frame(3, 1, "<module>"), Frame(3, 1, None)


def place(code: str = "x = 1\nf(x)") -> Place:
    call = CodeCall(code=code, inputs={}, steps={}, file="wf.yaml", first_line=10, first_column=7)
    return Place(call, read_program(code), lines_before=2)


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (
            Raised("TimeoutError", "feed time limit exceeded: 5.0s > 5s", []),
            "CODE_TIMEOUT",
            "longer than the 5 s",
        ),
        (Raised("MemoryError", "memory limit exceeded: 9 > 8", []), "CODE_LIMIT", "than the 1,024 bytes it may have"),
        (Raised("RuntimeError", "suspension limit 9 exceeded", []), "CODE_LIMIT", "more often than it may"),
        (
            Raised("SyntaxError", "Expected a name", [COMPILING]),
            "CODE_SYNTAX",
            "Expected a name (line 10)",
        ),
        (
            Raised("NotImplementedError", "The monty syntax parser does not yet support magic", [COMPILING]),
            "CODE_UNSUPPORTED",
            "does not support magic (line 10)",
        ),
        (
            Raised("NotImplementedError", "Magic is hard", [COMPILING]),
            "CODE_UNSUPPORTED",
            "support Magic is hard",
        ),
        (Raised("ModuleNotFoundError", "No module named 'enum'", [TOP]), "CODE_UNSUPPORTED", "module 'enum'"),
        (Raised("ModuleNotFoundError", "No module named 'socket'", [TOP]), "CODE_SECURITY", "module 'socket'"),
        (Raised("ImportError", "cannot import name 'a' from 'b' (x)", [TOP]), "CODE_UNSUPPORTED", "b.a does not exist"),
        (Raised("ImportError", "mine", [TOP]), "CODE_RUNTIME", "ImportError in line 10: mine"),
        (Raised("KeyError", "", [TOP]), "CODE_RUNTIME", "KeyError in line 10"),
        (Raised("RuntimeError", "broken", []), "CODE_RUNTIME", "RuntimeError: broken"),
    ],
    ids=lambda value: value.kind if isinstance(value, Raised) else "",
)
def test_word(raised: Raised, code: str, message: str) -> None:
    error = failure(raised, place(), LIMITS)
    assert error.code == code
    assert message in error.message
    assert error.details["file"] == "wf.yaml"


def test_frames_of_the_prelude_are_not_told() -> None:
    raised = Raised("KeyError", "a", [TOP, Frame(4, 3, "f"), Frame(1, 5, "__getitem__"), Frame(99, 1, "__ael_out")])
    error = failure(raised, place(), LIMITS)
    assert (error.details["line"], error.details["column"]) == (11, 9)
    assert error.details["traceback"] == (
        "Traceback (most recent call last):\n"
        '  File "wf.yaml", line 10, in <module>\n    x = 1\n'
        '  File "wf.yaml", line 11, in f\n    f(x)\n'
        "KeyError: a"
    )
