"""Write ``docs/errors.md`` and the examples of ``ael explain``: ``python docs/generate_errors.py``.

Everything the page says of a code or a diagnostic stands in ``ael.errors``, ``ael.retry`` and
``ael.language.catalog``; the examples are frames of ``tests/diagnostics``. Tests fail when one is out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import ael.language
from ael import errors
from ael.errors import REGISTRY, ErrorSpec
from ael.language import KINDS
from ael.language.catalog import Problem
from ael.language.explaining import retried, with_names

PAGE = Path(__file__).with_name("errors.md")
EXAMPLES = Path(ael.language.__file__).with_name("examples.txt")
GOLDENS = Path(__file__).parents[1] / "tests" / "diagnostics"

HEAD = """\
# Error codes and diagnostics

<!-- Written by docs/generate_errors.py; do not edit. -->

An **error code** says what went wrong when a workflow ran: it is in `error.code` of a result and of each step, and it
is what `retry.on` and `retry.except` name. A **diagnostic** says what is wrong in a workflow file, before it runs; `ael
check` prints them, with the place.

## Error codes

*Class* is the exception in Python, raised by `raise_for_status()` or found in `result.error`. *Retried* says what
happens to a step that has `retry`; what the failing tool says of itself (`retryable`) wins over it, and `retry.on` over
that, but nothing over *never*. *Unknown*: the call may have taken effect, so it is made again only if the tool is
read-only or idempotent, or `retry` stands at the step itself. `TOOL_UNAVAILABLE` is retried where a server is down, not
where nobody offers the tool. Tools may make up codes of their own: those are retried, unless the tool says otherwise.

| code | category | retried | class | when | hint |
| --- | --- | --- | --- | --- | --- |
"""

DIAGNOSTICS = """
## Diagnostics

An *error* cannot run right, and nothing runs while there is one. A *warning* is probably not what was meant. A *note*
is worth knowing. A code keeps its meaning for ever. ‹…› stands for the names involved.
"""

GROUPS = {
    "0": "AEL0xx: reading the file",
    "1": "AEL1xx: keys, types and combinations",
    "2": "AEL2xx: order, reach and recursion",
    "3": "AEL3xx: templates",
    "4": "AEL4xx: types of data",
    "5": "AEL5xx: policy",
    "6": "AEL6xx: tools",
    "7": "AEL7xx: code steps",
}


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_rows()) + DIAGNOSTICS + "".join(_sections())


def _rows() -> Iterator[str]:
    classes = {kind.default_code: kind.__name__ for kind in _classes()}
    for spec in REGISTRY:
        name = classes.get(spec.code) or _class_without_default(spec)
        cells = (f"`{spec.code}`", spec.category.value, retried(spec), f"`{name}`", spec.meaning, spec.hint or "")
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _classes() -> list[type[errors.AELError]]:
    found = (getattr(errors, name) for name in errors.__all__)
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, errors.AELError)]


def _class_without_default(spec: ErrorSpec) -> str:
    """The class of a code that is no class's default."""
    by_code = {"WORKFLOW_TIMEOUT": "TimeoutExceededError", "CIRCULAR_DEPENDENCY": "WorkflowInvalidError"}
    return by_code.get(spec.code) or ("CodeError" if spec.category is errors.ErrorCategory.CODE else "AELError")


def _sections() -> Iterator[str]:
    group = ""
    for code, kind in KINDS.items():
        if code[3] != group:
            group = code[3]
            yield f"\n### {GROUPS[group]}\n"
        yield _section(code, kind)


def _section(code: str, kind: type[Problem]) -> str:
    parts = [f"\n#### {code} · {kind.severity.value}\n"]
    wording = with_names(kind.wording)
    if _says_something(wording):
        parts.append(f"> {wording}\n")
    parts.append(f"{_markdown(kind.explanation())}\n")
    advice = with_names(kind.advice or "")
    if _says_something(advice):
        parts.append(f"*Help:* {advice}\n")
    return "\n".join(parts)


def _says_something(text: str) -> bool:
    """Whether there is more in it than one field."""
    return re.fullmatch(r"(‹[^›]*›)?", text) is None


def _markdown(text: str) -> str:
    """The code spans of a docstring as those of a page."""
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def examples() -> str:
    """A frame for every kind that a file in ``tests/diagnostics`` has, those made for the kind first."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(GOLDENS.glob("*.txt"))}
    frames = {code: _frame(code, texts) for code in KINDS}
    return "\n\n".join(frame for frame in frames.values() if frame) + "\n"


def _frame(code: str, texts: Mapping[str, str]) -> str | None:
    for stem in sorted(texts, key=lambda stem: (not stem.startswith(code), stem)):
        for frame in texts[stem].split("\n\n"):
            if re.match(rf"\w+\[{code}\]", frame):
                return frame.replace(f"{stem}.yaml", "workflow.yaml")
    return None


if __name__ == "__main__":
    EXAMPLES.write_text(examples(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
