"""What a type checker makes of ``@ael.tool``: the function it stood before, no more and no less."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

ROOT = Path(__file__).parents[3]
"""Where the configuration is; the package itself may be installed elsewhere."""

PROGRAM = """\
from collections.abc import Coroutine
from typing import Any, assert_type

import ael


@ael.tool
def bare(a: int, b: str = "") -> list[int]:
    return [a, len(b)]


@ael.tool(name="other", read_only=True)
async def named(ctx: ael.ToolContext, a: int) -> str:
    await ctx.progress(0.5, "half")
    return str(a)


async def use(ctx: ael.ToolContext) -> None:
    assert_type(bare(1, b="x"), list[int])
    running: Coroutine[Any, Any, str] = named(ctx, a=1)
    assert_type(await running, str)
    bare("x")  # wrong: arg-type
    await named(ctx, 1, times=3)  # wrong: call-arg
    ael.tool(nome="x")  # wrong: call-overload
    ael.tool(3)  # wrong: call-overload
    ctx.attempt = "x"  # wrong: assignment


engine = ael.create_engine(tools=[bare, named, ael.Tool.from_function(len, name="length")])
"""


def test_a_decorated_function_keeps_its_type(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", str(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found = [line for line in done.stdout.splitlines() if ": error: " in line]
    expected = [
        (number, line.partition("# wrong: ")[2])
        for number, line in enumerate(PROGRAM.splitlines(), start=1)
        if "# wrong: " in line
    ]
    assert [(int(line.split(":")[1]), line.rpartition("[")[2].rstrip("]")) for line in found] == expected, done.stdout
    assert done.stderr == ""
