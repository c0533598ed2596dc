"""What checking costs: CPU of ``check`` for 1,000 steps and 1,600 references, with tools and code, part by part.

``python -m benchmarks.check [--gate]``. Parts are timed in rotation by the CPU time of the process; of each the least
of all rounds counts, since what else runs on the machine only ever adds. The total is all parts in one go.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable, Sequence

from ael.dataflow import Flow, analyse
from ael.definition import WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.language import check_definition, parse
from ael.ports import ToolMiss, ToolSpec
from benchmarks.overhead import Row, table

LIMIT_MS = 400.0
STEPS, BLOCK = 1_000, 10
SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "text": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["path"],
    "additionalProperties": False,
}
TOOLS = {
    "files.read": ToolSpec("read", server="files", read_only=True, input_schema=SCHEMA),
    "files.write": ToolSpec("write", server="files", read_only=False, destructive=True, input_schema=SCHEMA),
}


class Catalog:
    """A server with two tools."""

    def lookup(self, name: str, server: str | None = None) -> ToolSpec | ToolMiss:
        return TOOLS.get(name if server is None else f"{server}.{name}", ToolMiss("unknown"))

    def specs(self) -> Sequence[ToolSpec]:
        return tuple(TOOLS.values())


def workflow_text(steps: int = STEPS, *, nested: bool = False) -> str:
    """Steps that read the two before them: paths, texts with several references, filters, conditions and code.

    Args:
        nested: In blocks of ten, each after the one before.
    """
    lines = ["name: large", "inputs: {root: string, limit: {type: integer, default: 3}}", "steps:"]
    for number in range(steps):
        first = number % BLOCK == 0
        if nested and first:
            lines += [f"  - id: block{number}", "    depends_on: [%s]" % (f"block{number - BLOCK}" if number else "")]
            lines += ["    steps:"]
        indent = "      " if nested else "  "
        reads = range(max(0, number - number % BLOCK if nested else 0, number - 2), number)
        lines += [indent + line for line in _step(number, list(reads))]
    last = f"block{steps - BLOCK}" if nested else f"s{steps - 1}"
    return "\n".join([*lines, f'outputs: {{last: "{{{{ steps.{last}.output }}}}"}}', ""])


def _step(number: int, reads: list[int]) -> list[str]:
    """A step of the kind whose turn it is."""
    values = [f"steps.s{other}.output" for other in reads] or ["inputs.root"]
    kind = _KINDS[number % len(_KINDS)]
    if kind == "code":
        return [f"- id: s{number}", "  code: |", f"    return str({values[0]}) + 'x'"]
    params = {
        "path": f'{{path: "{{{{ {values[-1]} }}}}"}}',
        "text": f'{{path: "p{number}/{{{{ {values[0]} }}}}-{{{{ {values[-1]} }}}}.txt"}}',
        "filter": f'{{path: "p{number}", text: "{{{{ [{", ".join(values)}] | join(1) }}}}"}}',
        "inputs": '{path: "{{ inputs.root }}", count: "{{ inputs.limit }}"}',
    }[kind]
    tool = "files.write" if number % 7 == 0 else "files.read"
    when = [f"  when: \"{values[0]} != 'no{number}'\""] if number % 20 == 1 else []
    return [f"- id: s{number}", f"  tool: {tool}", f"  params: {params}", *when]


_KINDS = ("path", "text", "path", "filter", "path", "code", "text", "inputs")


def references(flow: Flow) -> int:
    """How many steps and inputs are read, all places counted."""
    templates = [template for step in flow.steps for template in step.templates.values()]
    codes = [step.code for step in flow.steps if step.code is not None]
    inner = sum(references(block) for step in flow.steps for block in step.blocks)
    return inner + sum(len(each.references) for each in templates) + sum(len(each.steps) for each in codes)


def measure(text: str, rounds: int) -> list[Row]:
    """One row for each part, the last for all of them."""
    definition, found = parse(text)
    assert definition is not None
    assert not found, found[:3]
    flow = analyse(definition)
    problems = [each for each in _check(definition, flow) if each.severity != "note"]
    assert not problems, problems[:3]
    parts: dict[str, Callable[[], object]] = {
        "parse": lambda: parse(text),
        "analyse": lambda: analyse(definition),
        "checks": lambda: _check(definition, flow),
        "total": lambda: _everything(text),
    }
    taken: dict[str, list[float]] = {name: [] for name in parts}
    for number in range(rounds + 1):
        for name, part in parts.items():
            gc.collect()
            before = time.process_time()
            part()
            if number:
                taken[name].append((time.process_time() - before) * 1e3)
    least = {name: min(figures) for name, figures in taken.items()}
    counted = f"{len(definition.steps)} steps at the top, {references(flow)} references"
    return [
        Row(name, f"{value:.0f} ms", counted if name == "total" else "", value, LIMIT_MS, "ms")
        for name, value in least.items()
    ]


def _check(definition: WorkflowDefinition, flow: Flow) -> list[Diagnostic]:
    return check_definition(definition, flow, catalog=Catalog())


def _everything(text: str) -> list[Diagnostic]:
    definition, found = parse(text)
    assert definition is not None
    return [*found, *_check(definition, analyse(definition))]


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--nested", action="store_true", help="in blocks of ten instead of flat")
    parser.add_argument("--gate", action="store_true", help="end with 1 when a figure is over its limit")
    arguments = parser.parse_args(words)
    rows = measure(workflow_text(arguments.steps, nested=arguments.nested), arguments.rounds)
    print(table(rows))
    return 1 if arguments.gate and not rows[-1].ok else 0


if __name__ == "__main__":
    sys.exit(main())
