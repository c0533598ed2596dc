"""An agent that runs workflows inside its own loop: several at once, watching one, reacting to a failure.

A real agent asks a model what to do next; this one has a script, so that it runs anywhere. What it shows is
the other half: the plan is made while the program runs, each plan is a workflow, and the loop goes on.
"""

from __future__ import annotations

import asyncio

import ael

RESEARCH = """
name: research
inputs:
  topic: string
steps:
  - {id: papers, tool: search, params: {query: "{{ inputs.topic }}", where: papers}, retry: {max_attempts: 2, delay: 0}}
  - {id: code, tool: search, params: {query: "{{ inputs.topic }}", where: code}, retry: {max_attempts: 2, delay: 0}}
  - id: notes
    tool: summarise
    params: {findings: ["{{ steps.papers.output }}", "{{ steps.code.output }}"]}
output: "{{ steps.notes.output }}"
"""


@ael.tool(read_only=True)
async def search(query: str, where: str) -> list[str]:
    """Search a library.

    Args:
        query: What to look for.
        where: "papers" or "code".
    """
    await asyncio.sleep(0.01)
    if not query.strip():
        raise ael.ToolError("nothing to search for", code="EMPTY_QUERY", retryable=False)
    return [f"{query} in {where}, number {number}" for number in (1, 2)]


@ael.tool(read_only=True)
async def summarise(findings: list[list[str]]) -> str:
    """Say it in a line.

    Args:
        findings: Lists of what was found.
    """
    return f"{sum(map(len, findings))} findings, from {findings[0][0]!r} on"


async def research(engine: ael.WorkflowEngine, topic: str) -> str:
    """One errand: run the plan, and change it when it fails."""
    result = await engine.execute("research", {"topic": topic})
    if result.error is not None and result.error.code == "EMPTY_QUERY":
        result = await engine.execute("research", {"topic": "workflow engines"})
    result.raise_for_status()
    return f"{topic or '(no topic)'}: {result.outputs['output']}"


async def watch(engine: ael.WorkflowEngine, topic: str) -> str:
    """The same in the background, step by step."""
    execution = engine.start("research", {"topic": topic})
    seen = [event.path async for event in execution.events() if event.type == "step_completed"]
    result = await execution.result()
    return f"{topic}: {result.status}, in the order {', '.join(seen)}"


async def main() -> list[str]:
    """Three errands at once, one of which starts out wrong."""
    plan = ael.parse_workflow(RESEARCH, filename="research.ael.yaml")
    async with ael.create_engine(workflows=[plan], tools=[search, summarise]) as engine:
        spec = engine.tool_spec("research")
        print(f"as a tool, a model would see {spec.name}({', '.join(spec.input_schema['properties'])})")
        async with asyncio.TaskGroup() as errands:
            tasks = [
                errands.create_task(research(engine, "durable execution")),
                errands.create_task(research(engine, "")),
                errands.create_task(watch(engine, "structured concurrency")),
            ]
    return [task.result() for task in tasks]


if __name__ == "__main__":
    for line in asyncio.run(main()):
        print(line)
