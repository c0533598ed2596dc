"""What the README shows is true: its programs run and its workflow passes the checks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import ael
from ael.definition import WorkflowDefinition

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


EXPECTED = [
    "hello Ada\n",
    "2 True\nagain: tool 'favourite_number' failed: ConnectionError: the fortune teller is out\ncompleted\n",
]


@pytest.mark.parametrize(
    ("program", "printed"), list(zip(blocks("python"), EXPECTED, strict=True)), ids=["quickstart", "engine"]
)
def test_a_program_runs(program: str, printed: str) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_workflow_is_right(text: str) -> None:
    definition = ael.parse_workflow(text)
    assert isinstance(definition, WorkflowDefinition)
    assert [step.id for step in definition] == [step["id"] for step in yaml.safe_load(text)["steps"]]
    assert not [found for found in ael.check(text) if found.severity is not ael.Severity.NOTE]


def test_every_command_it_names_exists() -> None:
    named = {line.split()[2] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ael ")}
    done = subprocess.run(
        [sys.executable, "-m", "ael", "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=50
    )
    offered = set(re.findall(r"^  (\w+)  ", done.stdout, re.MULTILINE))
    assert named <= offered
    assert named


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)\)", README))
def test_a_link_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


def test_make_knows_the_commands() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z0-9-]+)", README)) <= targets
