"""The rules of tests/architecture.py hold everywhere, and each of them can fail."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import architecture
from tests.architecture import RULES, File, Rule, offences

ROOT = Path(__file__).resolve().parent.parent
TEXTS = {".md", ".py", ".toml", ".yaml", ".yml", ".json", ".sql"}


def _paths() -> Iterator[Path]:
    for folder in ("ael", "tests", "benchmarks", "examples", ".ci"):
        yield from sorted((ROOT / folder).rglob("*"))
    yield from (path for path in sorted(ROOT.iterdir()) if path.suffix in TEXTS or path.name == "Makefile")


@pytest.fixture(scope="module")
def files() -> list[File]:
    wanted = (path for path in _paths() if path.suffix in TEXTS or path.name in ("Makefile", "run"))
    return [
        File(path.relative_to(ROOT).as_posix(), path.read_text(errors="replace")) for path in wanted if path.is_file()
    ]


def _name(rule: Rule) -> str:
    return rule.check.__name__


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_the_tree_keeps_the_rule(rule: Rule, files: list[File]) -> None:
    judged = files if rule.where == ("",) else [file for file in files if file.path.endswith(".py")]
    found = offences(rule, judged)
    assert not found, "\n" + "\n".join(map(str, found))


def test_the_tree_was_really_read(files: list[File]) -> None:
    """An empty list would keep every rule."""
    assert {"ael/types.py", "tests/test_architecture.py", "pyproject.toml", "Makefile"} <= {file.path for file in files}


def _body(count: int, indent: str = "    ") -> str:
    return "".join(f"{indent}x = {number}\n" for number in range(count))


GOOD_AND_BAD = {
    "function_size": ("def f():\n" + _body(49) + "    # why\n\n", "def f():\n" + _body(50)),
    "function_complexity": (
        "def f(a):\n" + "    if a:\n        a = 1\n" * 9,
        "def f(a):\n" + "    if a and a:\n        a = 1\n" * 5,
    ),
    "module_size": ("T = [\n" + "    1,\n" * 400 + "]\n" + _body(300, ""), "def f(): ...\n" * 301),
    "class_size": (
        "class C:\n" + "".join(f"    def m{n}(self): ...\n" for n in range(20)),
        "class C:\n" + "".join(f"    async def m{n}(self): ...\n" for n in range(21)),
    ),
    "parameter_count": (
        "def f(self, a, b, c, d, e, g, *, h): ...\n@click.option('-x')\ndef run(a, b, c, d, e, f, g): ...\n",
        "def f(a, b, c, d, e, g, h): ...\n",
    ),
    "module_docstring": ('"""What for."""\nx = 1\n', "x = 1\n"),
    "vague_names": ("class Baseline: ...\n", "class ToolManager: ...\n"),
    "swallowed_exceptions": (
        "try: ...\nexcept Exception as e:\n    log(e)\ntry: ...\nexcept BaseException:\n    raise\n",
        "try: ...\nexcept Exception as e:\n    pass\n",
    ),
    "suppressed_exceptions": (
        "with contextlib.suppress(FileNotFoundError): ...\n",
        "with contextlib.suppress(asyncio.CancelledError): ...\n",
    ),
    "swallowed_cancellation": (
        "try: ...\nexcept asyncio.CancelledError:\n    raise\n",
        "try: ...\nexcept (KeyError, asyncio.CancelledError):\n    pass\n",
    ),
    "hidden_imports": ("import ael\ndef f():\n    import mcp\n", "def f():\n    from ael.types import JsonValue\n"),
    "stray_libraries": ("import json\n", "def f():\n    import jinja2.nodes\n"),
    "ambient_clocks": ("now = clock.time_ns()\n", "now = datetime.datetime.now(UTC)\n"),
    "real_sleeps": ("await asyncio.sleep(0)\n", "await asyncio.sleep(0.01)\n"),
    "mocks": ("import hypothesis\n", "from unittest import mock\n"),
    "patched_internals": (
        "from ael import tool\nmonkeypatch.setattr(sys, 'stdin', x)\n",
        "from ael.engine import WorkflowEngine\nmonkeypatch.setattr(WorkflowEngine, 'execute', x)\n",
    ),
    "leftovers": ("# RFC 8259, section 4\n", "# see " + "issue 12\n"),
    "machine_paths": ("x = 'https://example.org/home/x'\n", "x = '/" + "home/ada/x'\n"),
}


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_each_rule_tells_good_from_bad(rule: Rule) -> None:
    good, bad = GOOD_AND_BAD[_name(rule)]
    path = f"{rule.where[0]}sample.py"
    assert not offences(rule, [File(path, good)])
    assert offences(rule, [File(path, bad)])


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.except_], ids=_name)
def test_the_exempt_are_left_alone(rule: Rule) -> None:
    _, bad = GOOD_AND_BAD[_name(rule)]
    for exempt in rule.except_:
        assert not offences(rule, [File(exempt if exempt.endswith(".py") else f"{exempt}sample.py", bad)])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(): ...", 1),
        ("def f():\n    for x in y:\n        while x: ...", 3),
        ("def f():\n    return a and b or c", 3),
        ("def f():\n    return [x for x in y if x if not x]", 3),
        ("def f():\n    try: ...\n    except A: ...\n    except B: ...", 3),
        ("def f(x):\n    match x:\n        case 1: ...\n        case 2: ...\n        case _: ...", 3),
        ("def f():\n    def g():\n        if x: ...\n    return g", 1),
    ],
    ids=["straight", "loops", "operands", "comprehension", "handlers", "cases", "inner-function"],
)
def test_complexity_counts_decisions(source: str, expected: int) -> None:
    assert architecture.complexity(File("ael/sample.py", source).functions[0]) == expected


def _lint_imports(config: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache", "--no-logo", str(config)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=50)


def test_imports_go_downwards_only() -> None:
    done = _lint_imports(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_upward_import_would_be_found(tmp_path: Path) -> None:
    """The same tool on a contract that is broken on purpose: engine above types, turned round."""
    config = tmp_path / "importlinter.toml"
    config.write_text(
        '[tool.importlinter]\nroot_packages = ["ael"]\n[[tool.importlinter.contracts]]\n'
        'name = "reversed"\ntype = "layers"\nlayers = ["ael.errors", "ael.types"]\n'
    )
    done = _lint_imports(config)
    assert done.returncode != 0
    assert "ael.types is not allowed to import ael.errors" in done.stdout
