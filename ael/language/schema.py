"""The JSON Schema of workflow files, for editors; made from the same rows that reading goes by."""

from __future__ import annotations

from ael.language.tables import TABLES, WORKFLOW
from ael.types import JsonValue

__all__ = ["json_schema"]


def json_schema() -> dict[str, JsonValue]:
    """The schema of a workflow file, JSON Schema 2020-12, with a description for every key."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ael workflow",
        "description": "A workflow of steps that call tools and run code, in the order of what they read.",
        **WORKFLOW.schema(),
        "$defs": {table.ref: table.schema() for table in TABLES if table.ref},
    }
