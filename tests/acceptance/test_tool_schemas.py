"""The examples fit the JSON Schema with the tools of their projects."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema_rs
import pytest

import ael
from ael.language.reader import read_document
from ael.language.report import Report
from ael.language.schema import json_schema
from tests.example_runs import EXAMPLES

FILES = sorted(EXAMPLES.glob("**/*.ael.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_examples_are_right(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their own functions, and servers that nobody has asked."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    config = path.with_name("ael.toml")
    tools = list(ael.create_engine(config=config if config.exists() else None).invoker.specs())
    servers = path.with_name("mcp.json")
    names = json.loads(servers.read_text())["mcpServers"] if servers.exists() else ()
    schema = jsonschema_rs.Draft202012Validator(json_schema(tools, names))
    document = read_document(path.read_text(), path.name, Report())
    assert document is not None
    assert [error.message for error in schema.iter_errors(document.value)] == []
