"""The workflow language: from text to a checked definition, with every problem at its place.

``parse`` reads text into a definition and collects what is wrong with its YAML and its structure;
``check_definition`` checks what a definition means. Neither raises for what is wrong in a file.
"""

from ael.language.catalog import KINDS, explain
from ael.language.checks import check_definition, is_cycle
from ael.language.durations import parse_duration
from ael.language.ignores import apply_ignores
from ael.language.reader import MAX_FILE_BYTES, read_file
from ael.language.render import render_github, render_json, render_sarif, render_text
from ael.language.structure import parse

__all__ = [
    "KINDS",
    "MAX_FILE_BYTES",
    "apply_ignores",
    "check_definition",
    "explain",
    "is_cycle",
    "parse",
    "parse_duration",
    "read_file",
    "render_github",
    "render_json",
    "render_sarif",
    "render_text",
]
