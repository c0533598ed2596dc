"""What starting costs: CPU of ``import ael``, of ``ael --help`` and of a first engine over a bare interpreter.

``python -m benchmarks.imports [--gate]``. Each is a process of its own, measured by what the system
says of it, in rotating order; the interpreter's own start is taken off. Modules are compiled before, into a
place of this run's own, as they are where ael is installed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from benchmarks.overhead import Row, table

FIRST_ENGINE = """
import ael

def add(a: int, b: int) -> int:
    'Add.'
    return a + b

ael.create_engine(tools=[add])
ael.parse_workflow('''
name: sum
inputs: {a: {type: integer, default: 1}}
steps:
  - {id: s, tool: add, params: {a: "{{ inputs.a }}", b: 2}}
outputs: {sum: "{{ steps.s.output }}"}
''')
"""

PROGRAMS = {
    "bare": ["-c", "pass"],
    "import ael": ["-c", "import ael"],
    "import ael; ael.create_engine": ["-c", "import ael; ael.create_engine"],
    "a first engine and workflow": ["-c", FIRST_ENGINE],
    "ael --help": ["-m", "ael", "--help"],
}
LIMITS_MS = {
    "import ael": 150.0,
    "import ael; ael.create_engine": 300.0,
    "a first engine and workflow": 300.0,
    "ael --help": 120.0,
}


def cpu_s(arguments: Sequence[str], compiled: str) -> float:
    """User and system time of one run of the interpreter, with compiled modules in a folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = compiled
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"python {' '.join(arguments)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def measure(rounds: int, compiled: str) -> list[Row]:
    names = list(PROGRAMS)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            seconds = cpu_s(PROGRAMS[name], compiled)
            if number:
                taken[name].append(seconds)
    rows = []
    for name, limit in LIMITS_MS.items():
        over = [ours - bare for ours, bare in zip(taken[name], taken["bare"], strict=True)]
        cost = statistics.median(over) * 1e3
        rows.append(Row(name, f"{statistics.median(taken[name]) * 1e3:.0f} ms", "", cost, limit, "ms"))
    return rows


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--gate", action="store_true", help="end with 1 when a figure is over its limit")
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as compiled:
        rows = measure(arguments.rounds, compiled)
    print(table(rows))
    return 1 if arguments.gate and not all(row.ok for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
