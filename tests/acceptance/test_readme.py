"""What the README shows is true: its programs run and its workflow passes the checks."""

from __future__ import annotations

import re
import tomllib

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


@pytest.mark.parametrize("text", [block.text for block in blocks(README, "yaml")])
def test_a_workflow_is_right(text: str) -> None:
    definition = ael.parse_workflow(text)
    assert isinstance(definition, WorkflowDefinition)
    assert [step.id for step in definition] == [step["id"] for step in yaml.safe_load(text)["steps"]]
    assert not [found for found in ael.check(text) if found.severity is not ael.Severity.NOTE]


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
