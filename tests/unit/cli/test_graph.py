"""How a plan is drawn."""

from __future__ import annotations

import re

from ael.cli.graph import render_dot, render_mermaid, render_text
from ael.loading import load_source
from ael.plan import Plan
from ael.source import Source

TEXT = """
name: repo-digest
version: "1.0"
description: |
  What changed
  in a repository
inputs: {repo: string, deep: {type: boolean, default: false}}
steps:
  - id: log
    tool: git.git_log
    params: {path: "{{ inputs.repo }}"}
    retry: 3
  - id: status
    mcp: git
    tool: git_status
    when: inputs.deep
  - id: digest
    code: return [steps.log.output, steps.status.output]
outputs:
  digest: "{{ steps.digest.output }}"
"""


def plan(text: str = TEXT) -> Plan:
    found = load_source(Source(text, "w.yaml")).plan
    assert found is not None
    return found


def test_text_says_what_each_step_does_and_waits_for():
    assert render_text(plan()).splitlines() == [
        "repo-digest 1.0: What changed in a repository",
        "inputs: repo, deep",
        "",
        "  log     git.git_log     up to 3 attempts",
        "  status  git.git_status  when inputs.deep",
        "  digest  code            after log, status",
        "",
        "outputs: digest",
    ]


def test_mermaid():
    assert render_mermaid(plan()).splitlines() == [
        "flowchart TD",
        '    s0["log<br/><i>git.git_log</i>"]',
        '    s1{{"status<br/><i>git.git_status</i>"}}',
        '    s2["digest<br/><i>code</i>"]',
        "    s0 --> s2",
        "    s1 --> s2",
    ]


def test_dot():
    assert render_dot(plan()).splitlines() == [
        'digraph "repo-digest" {',
        "    rankdir=TB;",
        "    node [shape=box];",
        '    "log" [label="log\\ngit.git_log"];',
        '    "status" [label="status\\ngit.git_status", style=dashed];',
        '    "digest" [label="digest\\ncode"];',
        '    "log" -> "digest";',
        '    "status" -> "digest";',
        "}",
    ]


def test_names_cannot_break_out_of_their_labels():
    strange = plan("name: w\nsteps:\n  - {id: a, tool: 'x\"] --> y <b>'}\n")
    assert re.fullmatch(r'flowchart TD\n    s0\["[^"<>\[]*(<br/><i>[^"<>]*</i>)"\]', render_mermaid(strange))
    assert '[label="a\\nx\\"] --> y <b>"];' in render_dot(strange)
