"""Blocks, branches, loops and rounds: what docs/language.md says of them, sections 5 and 6, sentence by sentence."""

from __future__ import annotations

import pytest

from tests.composed import run

CONTEST = """
steps:
  - {id: quick, tool: sleep, params: {seconds: 1}}
  - {id: slow, tool: sleep, params: {seconds: 2}}
  - id: judge
    depends_on: [slow, quick]
    join: any
"""
READS_STEP = "{{ step.joined }} {{ step.idempotency_key | replace(execution_id, '') }}"
ECHO = "name: echoing\ninputs: {value: {}}\nsteps: [{id: in, tool: echo, params: {value: '{{ inputs.value }}'}}]\n"
WHERE_STEP_IS_READ = {
    "a tool": (f'tool: echo\n    params: {{value: "{READS_STEP}"}}', '["quick"] :judge'),
    "a tool in a loop": (
        f'for_each: [1]\n    tool: echo\n    params: {{value: "{READS_STEP}"}}',
        ['["quick"] :judge[0]'],
    ),
    "a tool in rounds": (
        f'repeat: {{max: 2}}\n    tool: echo\n    params: {{value: "{READS_STEP}"}}',
        '["quick"] :judge#2',
    ),
    "the output of a block": (f'output: "{READS_STEP}"\n    steps: [{{id: in, tool: echo}}]', '["quick"] :judge'),
    "the output of a branch": (
        f'choose: [{{steps: [{{id: in, tool: echo}}], output: "{READS_STEP}", when: "\'quick\' in step.joined"}}]',
        '["quick"] :judge',
    ),
    "params of a workflow": (
        f'for_each: [1]\n    workflow: echoing\n    params: {{value: "{READS_STEP}"}}',
        [{"out": '["quick"] :judge[0]'}],
    ),
}


@pytest.mark.parametrize("where", WHERE_STEP_IS_READ)
def test_what_step_is_does_not_depend_on_where_it_is_read(where: str) -> None:
    body, output = WHERE_STEP_IS_READ[where]
    ran = run(f"{CONTEST}    {body}\n", f"{ECHO}outputs: {{out: '{{{{ steps.in.output }}}}'}}\n")
    assert ran.result["judge"].output == output


def test_a_fallback_that_breaks_while_skips_travel_loses_no_result() -> None:
    ran = run("""
steps:
  - id: block
    on_error: skip
    steps:
      - {id: no, tool: echo, when: "false"}
      - {id: broken, tool: echo, depends_on: no, fallback: "{{ [1].foo.bar }}"}
      - {id: behind, tool: echo, depends_on: broken}
""")
    assert ran.all("block", "block.broken", "block.behind") == {
        "block": "skipped error: TEMPLATE_ERROR",
        "block.broken": "failed TEMPLATE_ERROR",
        "block.behind": "skipped dependency: broken",
    }
