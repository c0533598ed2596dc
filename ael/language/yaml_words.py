"""What is wrong with the syntax of a YAML text, said for people.

The parser says what it expected and not what is there. The lines around its place tell which of a few common
mistakes it was.
"""

from __future__ import annotations

import re

__all__ = ["syntax_words"]

_PROBLEMS = (
    (
        "could not find expected ':'",
        "the line above is neither `key: value` nor an item of a list",
        "write `key: value`, or check the indentation",
    ),
    (
        "found character that cannot start any token",
        "a value cannot begin with {here!r}",
        "quote the text",
    ),
    (
        "did not find expected key",
        "this line belongs neither to what is above it nor beside it",
        "check the indentation; keys of one mapping stand in the same column",
    ),
    (
        "block sequence entries are not allowed",
        "a list cannot begin on the line of its key",
        "put the list on lines of its own, below its key",
    ),
    (
        "did not find expected '-' indicator",
        "this line stands where only an item of the list above can stand",
        "check the indentation; the keys of an item stand in the column of its first key",
    ),
    ("unexpected end of stream", "these quotes are never closed", "close the quotes"),
    ("escape", "{problem}", "write a backslash in double quotes as '\\\\', or use single quotes"),
    ("','", "a comma or a closing bracket is missing", "add it, or quote the text if brackets are part of it"),
)
"""Part of the parser's message → what is wrong, and what to do."""

_KEY = re.compile(r"\s*(?:-\s+)*[\w.-]+:(?:\s|$)")
_ALONE = re.compile(r"\s*[\w.-]+$")
_QUOTED_TEMPLATE = re.compile(r"""(?P<quote>["'])[^"']*\{\{[^{}"']*(?P=quote)""")


def syntax_words(problem: str, text: str, at: int) -> tuple[str, str]:
    """What a syntax error at ``text[at]`` is called, and what to do about it."""
    start = text.rfind("\n", 0, at) + 1
    line = text[start:].partition("\n")[0]
    if text.startswith("```"):
        return "the file begins with a Markdown fence", "remove the lines with ```"
    inner = _QUOTED_TEMPLATE.search(line, 0, at - start + 1)
    if inner is not None:
        other = "'" if inner["quote"] == '"' else '"'
        return "a quote in the template ends the text it is in", f"write {other} inside the braces"
    if "mapping values are not allowed" in problem:
        return _second_key(text[:start].rstrip().rpartition("\n")[2], line, at - start)
    here = text[at : at + 1]
    for part, said, advice in _PROBLEMS:
        if part in problem:
            return said.format(here=here, problem=problem), advice
    return problem, "check indentation, quotes and brackets here"


def _second_key(above: str, line: str, column: int) -> tuple[str, str]:
    """A colon where this line, or the one above, already has a value."""
    if _ALONE.match(line[:column]) is not None and _KEY.match(above) is not None:
        return "this key is indented as if it belonged to the value above", "indent it like the key above"
    return "the value has ': ' in it", "quote the value, or write it on lines of its own below `|`"
