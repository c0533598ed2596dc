"""What a workflow file says of its own execution, in YAML behind `# expect:` in the comments it begins with.

A file that can hold no comment has it beside it, in ``NAME.expected.json``.
"""

from __future__ import annotations

import json
from itertools import takewhile
from pathlib import Path
from typing import TypeAlias

from ael.language.reader import read_document
from ael.language.report import Report
from ael.types import JsonValue

__all__ = ["Expected", "expectation_of", "expectations_of"]

Expected: TypeAlias = dict[str, JsonValue]

_BEGIN = "# expect:"


def expectation_of(path: Path) -> Expected:
    """The mapping that the file expects.

    Raises:
        AssertionError: It says nothing, or something else.
    """
    (expected,) = expectations_of(path)
    return expected


def expectations_of(path: Path) -> list[Expected]:
    """The mappings that the file expects: a list, or one alone.

    Raises:
        AssertionError: It says nothing, or something else.
    """
    beside = path.with_suffix(".expected.json")
    if beside.exists():
        expected: JsonValue = json.loads(beside.read_text(encoding="utf-8"))
    else:
        head = list(takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines()))
        assert _BEGIN in head, f"{path.name} does not say what it expects"
        lines = head[head.index(_BEGIN) + 1 :]
        document = read_document("\n".join(line.removeprefix("# ") for line in lines), path.name, Report())
        assert document is not None, f"what {path.name} expects cannot be read"
        expected = document.value
    listed = expected if isinstance(expected, list) else [expected]
    assert listed, path.name
    assert all(isinstance(one, dict) for one in listed), path.name
    return listed
