"""The JSON Schema of workflow files, for editors; made from the same rows that reading goes by."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ael.language.shapes import Schema
from ael.language.tables import TABLES, WORKFLOW
from ael.language.tool_schemas import tool_definitions, tool_rules
from ael.ports import ToolSpec
from ael.types import JsonValue

__all__ = ["json_schema"]

_ID = "urn:ael:schema:workflow:1"
"""Its number counts the forms in which files are no longer what they were."""
_CALLING = ("step", "undo")
"""Definitions of what may call a tool."""


def json_schema(tools: Sequence[ToolSpec] | None = None, open_servers: Collection[str] = ()) -> dict[str, JsonValue]:
    """The schema of a workflow file, JSON Schema 2020-12, with a description for every key.

    Args:
        tools: With them, ``tool`` is one of their names, and ``params`` fits the tool that is named.
        open_servers: Servers whose tools are not known, and which may have any.
    """
    definitions: Schema = {table.ref: table.schema() for table in TABLES if table.ref}
    if tools is not None:
        rules = tool_rules(tools, open_servers)
        definitions |= {name: {**definitions[name], "allOf": rules} for name in _CALLING}
        definitions |= tool_definitions(tools)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": _ID if tools is None else f"{_ID}:tools",
        "title": "ael workflow",
        "description": "A workflow of steps that call tools and run code, in the order of what they read.",
        **WORKFLOW.schema(),
        "$defs": definitions,
    }
