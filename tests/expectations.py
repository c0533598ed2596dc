"""What a workflow file says of its own execution, in YAML behind `# expect:` in the comments it begins with.

A file that can hold no comment has it beside it, in ``NAME.expected.json``.
"""

from __future__ import annotations

import json
from itertools import takewhile
from pathlib import Path

import yaml

from ael.types import JsonValue

__all__ = ["expectation_of"]

_BEGIN = "# expect:"


def expectation_of(path: Path) -> dict[str, JsonValue]:
    """The mapping that the file expects.

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
        expected = yaml.safe_load("\n".join(line.removeprefix("# ") for line in lines))
    assert isinstance(expected, dict), path.name
    return expected
