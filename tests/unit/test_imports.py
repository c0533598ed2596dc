"""What importing costs, counted in modules: heavy libraries come only when something needs them."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import ael

HEAVY = (
    "backoff",
    "cattrs",
    "http.cookiejar",
    "httpx",
    "jinja2",
    "jsonschema_rs",
    "mcp",
    "pydantic_monty",
    "rich",
    "sqlite3",
    "structlog",
)

PROGRAMS = {
    "import ael": "import ael",
    "ael --help": "from ael.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
    "reading the version": "import ael; ael.__version__",
}

FIRST_ENGINE = """
import ael
def add(a: int, b: int) -> int:
    return a + b
engine = ael.create_engine(tools=[add])
ael.parse_workflow("name: x\\ninputs: {b: integer}\\nsteps: [{id: s, tool: add, params: {a: 1, b: '{{ inputs.b }}'}}]")
"""
NEEDED_BY_AN_ENGINE = {"backoff", "jsonschema_rs"}


def _loaded(program: str) -> set[str]:
    report = f"{program}\nimport sys, json\nprint('\\n' + json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True, timeout=30)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_nothing_heavy_is_loaded(program: str) -> None:
    assert _loaded(program) == set()


def test_an_engine_of_functions_loads_little() -> None:
    assert _loaded(FIRST_ENGINE) <= NEEDED_BY_AN_ENGINE


def test_the_probe_sees_what_is_loaded() -> None:
    assert _loaded("import sqlite3") == {"sqlite3"}


@pytest.mark.parametrize("name", [name for name in ael.__all__ if name != "__version__"])
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(ael, name) is not None
    assert name in dir(ael)


def test_what_type_checkers_see_is_what_is_there() -> None:
    """The lazy table and the block under TYPE_CHECKING are two lists of the same names."""
    lines = Path(ael.__file__).read_text()
    block = next(node for node in ast.parse(lines).body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.asname: node.module for node in imports for alias in node.names}
    assert set(homes) == set(ael.__all__) - {"__version__"}
    for name, module in homes.items():
        assert getattr(import_module(module), name) is getattr(ael, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        ael.nonsense  # noqa: B018 - reading it is the test
