"""Write the tables of keys into ``docs/language.md``: ``python docs/generate_keys.py``.

What a key is called, what it means and which form its value has stands in ``ael.language.tables``, by which files are
read. A table goes between the comments ``<!-- keys of TITLE -->`` and ``<!-- end of keys -->``; what else is on the
page is written by hand. A test fails when one is out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ael.language.records import STAGE, Key, Table
from ael.language.shapes import Choice, Shape
from ael.language.tables import GOES_WITH, STEP, TABLES, bodies_now

PAGE = Path(__file__).with_name("language.md")

FORMS = {
    "Amount": "number",
    "Anything": "any value, templates in it",
    "Condition": "condition",
    "Count": "whole number",
    "Duration": "duration",
    "ErrorRules": "word, or list of rules",
    "Flag": "`true`, `false`",
    "Ignored": "anything",
    "Inputs": "mapping, or list",
    "JoinShape": "word, or mapping",
    "Jitter": "word, or fraction",
    "LoopShape": "list, expression, or mapping",
    "Names": "name, or list of names",
    "Object": "mapping, templates in it",
    "Outputs": "mapping, or list",
    "Pools": "mapping",
    "Record": "mapping",
    "RepeatShape": "mapping",
    "Retry": "number, or mapping",
    "SingleOutput": "template",
    "Text": "text",
    "Timeout": "duration, `none`, or mapping",
    "VersionText": "text",
    "_Branches": "list of branches",
    "_Exit": "word, or mapping",
    "_ItemKey": "template",
    "_ItemName": "name",
    "_Items": "list, or expression",
    "_Rate": "number/unit",
    "_Steps": "list of steps",
    "_Tolerance": "number, or percentage",
}
"""Class of a shape → its form in the words of the page. A new class has to be added."""

_PART = re.compile(r"(<!-- keys of (.+?) -->\n).*?(<!-- end of keys -->)", re.DOTALL)


def page(text: str) -> str:
    """The page with its tables as they have to be.

    Raises:
        KeyError: The page has a table of something that has no keys.
    """
    tables = {table.title.replace("`", ""): table for table in TABLES}
    return _PART.sub(lambda part: part[1] + "\n" + "".join(_lines(tables[part[2]])) + "\n" + part[3], text)


def titles(text: str) -> list[str]:
    """Of which mappings the page has a table."""
    return [part[2] for part in _PART.finditer(text)]


def _lines(table: Table) -> Iterator[str]:
    beside = table is STEP
    yield "| key | value | beside | meaning |\n" if beside else "| key | value | meaning |\n"
    yield "| --- | --- | --- | --- |\n" if beside else "| --- | --- | --- |\n"
    keys = [key for key in table.keys if key.stage <= STAGE and key.name != "packages"]
    for key in keys:
        cells = [f"`{key.name}`", _form(key.shape), *([_beside(key)] if beside else []), _about(key)]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
    later = [f"`{key.name}`" for key in table.keys if key.stage > STAGE]
    if later:
        yield f"\nKnown by name, and refused until they come: {', '.join(later)}.\n"


def _form(shape: Shape | None) -> str:
    if isinstance(shape, Choice):
        return ", ".join(f"`{word}`" for word in shape.words)
    return FORMS[type(shape).__name__]


def _about(key: Key) -> str:
    return f"*Required.* {key.about}" if key.required else key.about


def _beside(key: Key) -> str:
    """Which bodies the key goes with."""
    bodies = bodies_now()
    if key.name in bodies:
        return "a body"
    known = [body for body in GOES_WITH.get(key.name, bodies) if body in bodies]
    left = [body for body in bodies if body not in known]
    if not left:
        return "any"
    return f"not {_words(left)}" if len(left) < len(known) else _words(known)


def _words(bodies: list[str]) -> str:
    return " ".join(f"`{body}`" for body in bodies)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
