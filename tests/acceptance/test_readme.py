"""What the README shows is true: its programs run and its workflow passes the checks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import ael
from ael.cli import COMMANDS
from ael.config import parse_config
from ael.definition import WorkflowDefinition
from tests.pages import ROOT, Block, blocks, commands, leads_somewhere, links, run_program

README = ROOT / "README.md"

EXPECTED = [
    "hello Ada\n",
    "2 True\nagain: tool 'favourite_number' failed: ConnectionError: the fortune teller is out\ncompleted\n",
]


@pytest.mark.parametrize(
    ("program", "printed"), list(zip(blocks(README, "python"), EXPECTED, strict=True)), ids=["quickstart", "engine"]
)
def test_a_program_runs(program: Block, printed: str) -> None:
    assert run_program(program.text) == printed


RIGHT = [block.text for block in blocks(README, "yaml") if not block.words]
WRONG = [block for block in blocks(README, "yaml") if block.words]


@pytest.mark.parametrize("text", RIGHT)
def test_a_workflow_is_right(text: str) -> None:
    definition = ael.parse_workflow(text)
    assert isinstance(definition, WorkflowDefinition)
    assert [step.id for step in definition] == [step["id"] for step in yaml.safe_load(text)["steps"]]
    assert not [found for found in ael.check(text) if found.severity is not ael.Severity.NOTE]


def test_the_wrong_workflow_is_found_to_be_wrong_as_shown(tmp_path: Path) -> None:
    (wrong,) = WRONG
    assert wrong.below is None, "there are words between the file and what is said of it"
    (shown,) = [block.text for block in blocks(README, "console") if block.text.startswith("$ ael check letters")]
    command, _, output = shown.partition("\n")
    (tmp_path / "letters.ael.yaml").write_text(wrong.text)
    (tmp_path / "hello_tools.py").write_text((ROOT / "examples" / "hello" / "hello_tools.py").read_text())
    words = [sys.executable, "-m", *command.removeprefix("$ ").split()]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=50)
    assert done.stdout == output, done.stderr
    assert done.returncode == 3
    assert re.findall(r"\[(AEL\d+)\]", output) == sorted(wrong.words, key=output.index)
    assert len(wrong.words) == 3


@pytest.mark.parametrize("text", [block.text for block in blocks(README, "toml")])
def test_a_configuration_is_right(text: str) -> None:
    assert parse_config(tomllib.loads(text)).settings != ael.Settings()


def test_every_command_it_names_exists() -> None:
    assert commands(README) <= set(COMMANDS)
    assert commands(README)


@pytest.mark.parametrize("target", links(README))
def test_a_link_leads_somewhere(target: str) -> None:
    assert leads_somewhere(README, target)


def test_make_knows_the_commands() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z0-9-]+)", README.read_text())) <= targets
