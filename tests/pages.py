"""Reading the blocks of a page of documentation, and running its programs as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CALL_TESTS = """
for name, value in list(globals().items()):
    if name.startswith("test_"):
        value()
"""


class Block(NamedTuple):
    """One fenced block: its language, the words behind that, its line, its text, and the block right below it."""

    language: str
    words: tuple[str, ...]
    line: int
    text: str
    below: Block | None = None


def blocks(page: Path, language: str) -> list[Block]:
    """The blocks of a page in one language, each with the block that follows with nothing between."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    later, later_start = None, -1
    for match in reversed(list(_BLOCK.finditer(text))):
        name, words, content = match.groups()
        adjoins = later_start >= 0 and not text[match.end() : later_start].strip()
        block = Block(name, tuple(words.split()), text.count("\n", 0, match.start()) + 1, content)
        found.append(block._replace(below=later) if adjoins else block)
        later, later_start = block, match.start()
    return [block for block in reversed(found) if block.language == language]


def name_of(block: Block) -> str:
    """For a test's id."""
    return f"line{block.line}"


def run_program(program: str) -> str:
    """What a program prints, run from the repository's folder; functions ``test_*`` in it are called at its end.

    Raises:
        AssertionError: It failed.
    """
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program + _CALL_TESTS]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands(page: Path) -> set[str]:
    """The commands of ``ael`` that the page's terminals use."""
    lines = (line for block in blocks(page, "console") for line in block.text.splitlines())
    return {line.split()[2] for line in lines if line.startswith("$ ael ")}


def links(page: Path) -> list[str]:
    """The targets of links within the repository."""
    return re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What a link may name behind ``#``, as GitHub makes it of headings."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(page: Path, target: str) -> bool:
    """Whether the file and the heading that a link names are there."""
    path, _, anchor = target.partition("#")
    goal = page.parent / path if path else page
    return goal.exists() and (not anchor or anchor in anchors(goal))
