"""What the pages in docs/ show is true.

A workflow is checked, and run if a block of JSON right below it shows its outputs, or with ``json steps`` what became
of its steps; diagnostics named behind ``yaml`` are what checking it says. A program is run, and prints the block of
text right below it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from _pytest.mark.structures import ParameterSet

import ael
from ael.cli import COMMANDS
from ael.config import parse_config
from ael.language.tables import TABLES
from tests.pages import ROOT, Block, blocks, commands, leads_somewhere, links, name_of, run_program

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def each(language: str, *, shown: str | None = None) -> list[ParameterSet]:
    """The blocks of all pages in one language; with ``shown`` only those above a block in that one."""
    return [
        pytest.param(block, id=f"{page.stem}-{name_of(block)}")
        for page in PAGES
        for block in blocks(page, language)
        if shown is None or (block.below and block.below.language == shown)
    ]


@ael.tool
async def echo(value: object) -> object:
    """Return the value."""
    return value


@ael.tool
async def fail(message: str) -> None:
    """Fail with the message."""
    raise ael.ToolError(message)


@ael.tool
async def wait(seconds: float) -> None:
    """Take so long."""
    await asyncio.sleep(seconds)


TOOLS = [echo, fail, wait]


@pytest.mark.parametrize("block", each("yaml"))
def test_a_workflow_says_what_the_page_says_of_it(block: Block) -> None:
    found = ael.check(block.text, tools=[*TOOLS])
    assert {diagnostic.code for diagnostic in found} == set(block.words), [*map(str, found)]


@pytest.mark.parametrize("block", each("yaml", shown="json"))
def test_a_workflow_gives_the_outputs_that_the_page_shows(block: Block) -> None:
    assert block.below is not None
    result = ael.run_sync(ael.parse_workflow(block.text), tools=TOOLS)
    shown = json.loads(block.below.text)
    if block.below.words == ("steps",):
        assert shown == {step.step_id: _fate(step) for step in result}
    else:
        assert result.raise_for_status().to_dict()["outputs"] == shown


def _fate(step: ael.StepResult) -> str:
    """The status of a step, and why."""
    why = step.skip_reason or (step.error.code if step.error else "")
    return f"{step.status}: {why}" if why else step.status


@pytest.mark.parametrize("block", each("python"))
def test_a_program_prints_what_the_page_shows(block: Block) -> None:
    shown = block.below.text if block.below and block.below.language == "text" else ""
    assert run_program(block.text) == shown


def test_every_block_is_one_that_a_test_looks_at() -> None:
    fences = [line for page in PAGES for line in re.findall(r"^```(\w*)", page.read_text(), re.MULTILINE) if line]
    counts = Counter(fences)
    assert set(counts) == {"console", "json", "python", "text", "toml", "yaml"}
    assert counts["json"] == len(each("yaml", shown="json"))
    assert counts["text"] == len(each("python", shown="text"))


@pytest.mark.parametrize("block", each("toml"))
def test_a_configuration_is_right(block: Block, tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {}}')
    assert parse_config(tomllib.loads(block.text), source=tmp_path / "ael.toml").settings != ael.Settings()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_exists_and_every_link_leads_somewhere(page: Path) -> None:
    assert commands(page) <= set(COMMANDS)
    assert [target for target in links(page) if not leads_somewhere(page, target)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_readme_links_to_it(page: Path) -> None:
    assert f"docs/{page.name}" in links(ROOT / "README.md")


def test_the_page_of_errors_is_what_its_generator_writes() -> None:
    assert _generator().page() == (DOCS / "errors.md").read_text(), "run python docs/generate_errors.py"


def test_the_tables_of_keys_are_what_their_generator_writes() -> None:
    generator = _generator("generate_keys")
    text = (DOCS / "language.md").read_text()
    assert generator.page(text) == text, "run python docs/generate_keys.py"
    assert sorted(generator.titles(text)) == sorted(table.title.replace("`", "") for table in TABLES)


def test_the_examples_of_codes_are_what_their_generator_writes() -> None:
    generator = _generator()
    assert generator.examples() == generator.EXAMPLES.read_text(), "run python docs/generate_errors.py"


def test_every_error_code_and_every_diagnostic_has_its_place() -> None:
    text = (DOCS / "errors.md").read_text()
    assert re.findall(r"^#### (AEL\d+)", text, re.MULTILINE) == [*_generator().KINDS]
    assert re.findall(r"^\| `([A-Z_]+)`", text, re.MULTILINE) == [spec.code for spec in _generator().REGISTRY]


def test_sections_that_the_code_refers_to_exist() -> None:
    numbered = set(re.findall(r"^## (\d+)\.", (DOCS / "language.md").read_text(), re.MULTILINE))
    files = [file for folder in ("ael", "tests") for file in (ROOT / folder).rglob("*.py")]
    named = {number for file in files for number in _sections_named(file.read_text())}
    assert named
    assert named <= numbered


def _sections_named(text: str) -> set[str]:
    return {
        number
        for numbers in re.findall(r"docs/language\.md, sections? ([\d, and]+)", text)
        for number in re.findall(r"\d+", numbers)
    }


def _generator(name: str = "generate_errors") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
