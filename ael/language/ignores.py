"""``# ael: ignore[AEL203]``: comments that hide warnings and notes of one line.

A comment counts at the end of a line for that line, and alone on a line for the next one that says something. It has
to be a comment: of YAML, or of Python in a code step; the same characters inside a text are a part of that text. What
is a comment of YAML follows from the places of all scalars, which reading keeps anyway: a ``#`` after white space that
is in none of them. Files without the words ``ael:`` and ``ignore`` pay for one search.
"""

from __future__ import annotations

import io
import re
import textwrap
import tokenize
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from ael.definition import NodeSpan, Path
from ael.diagnostics import Diagnostic
from ael.language.catalog import KINDS, ignoring
from ael.language.nodes import Node, Spans
from ael.language.report import diagnose
from ael.language.suggest import nearest
from ael.source import Source, Span

__all__ = ["apply_ignores", "hide_ignored"]

_COMMENT = re.compile(r"#[^\S\n]*ael:[^\S\n]*ignore\b(?:[^\S\n]*\[(?P<codes>[^\]\n]*)\])?")
_NOT_CODES = re.compile(r"[\s,]+")
_KNOWN_HERE = re.compile(r"AEL(?:[03]..|1(?!98|99)..|20[1-4]|707)")
"""Codes whose checks say the same whichever tools and executors are known: only of these is it certain that a comment
is not used."""
_MOST_CODE = 500_000
"""Characters of one step's code that are searched for comments; beyond that nobody wrote it by hand."""


@attrs.frozen
class _Ignore:
    """One comment: where it is, the codes in it, and the line it speaks of."""

    span: Span
    codes: tuple[str, ...]
    line: int


def apply_ignores(
    diagnostics: Sequence[Diagnostic], source: Source | None, spans: Mapping[Path, NodeSpan]
) -> tuple[Diagnostic, ...]:
    """What is left to say when comments have hidden what they hide; with what there is to say of the comments.

    Args:
        diagnostics: Of one source.
        source: ``None`` for a definition made in Python, which has no comments.
        spans: Places of the nodes, as reading made them.
    """
    ignores = tuple(_comments(source, spans))
    if source is None or not ignores:
        return tuple(diagnostics)
    kept = _left(diagnostics, ignores)
    seen = {(found.line, found.code): found.is_error for found in diagnostics}
    broken = any(found.is_error for found in diagnostics)
    for ignore in ignores:
        problems = _problems(ignore, seen, broken=broken)
        said = (diagnose(problem, source, ignore.span) for problem in problems if problem.code not in ignore.codes)
        kept.extend(said)
    return tuple(sorted(kept, key=lambda found: (found.line or 0, found.column or 0)))


def hide_ignored(
    diagnostics: Sequence[Diagnostic], source: Source | None, spans: Mapping[Path, NodeSpan]
) -> list[Diagnostic]:
    """What comments leave of some of the diagnostics of a source; nothing is said of the comments themselves."""
    return _left(diagnostics, tuple(_comments(source, spans)) if diagnostics else ())


def _left(diagnostics: Sequence[Diagnostic], ignores: Iterable[_Ignore]) -> list[Diagnostic]:
    hidden = {(ignore.line, code) for ignore in ignores for code in ignore.codes}
    return [found for found in diagnostics if found.is_error or (found.line, found.code) not in hidden]


def _problems(
    ignore: _Ignore, seen: dict[tuple[int | None, str], bool], *, broken: bool
) -> Iterator[ignoring.IgnoreUnused | ignoring.ErrorNotIgnored]:
    """What is wrong with a comment. In a file with errors not every check was made: nothing counts as unused there."""
    if not ignore.codes:
        yield ignoring.IgnoreUnused("it names no code", None, "write `# ael: ignore[AEL203]`, with the codes to hide")
    for code in ignore.codes:
        is_error = seen.get((ignore.line, code))
        if is_error:
            yield ignoring.ErrorNotIgnored(code)
        elif code not in KINDS:
            yield ignoring.IgnoreUnused(f"there is no code {code!r}", nearest(code, KINDS))
        elif is_error is None and not broken and _KNOWN_HERE.fullmatch(code):
            yield ignoring.IgnoreUnused(f"there is no {code} on line {ignore.line}")


def _comments(source: Source | None, spans: Mapping[Path, NodeSpan]) -> Iterator[_Ignore]:
    """All of them, in the order of the file."""
    if source is None or not isinstance(spans, Spans) or _COMMENT.search(source.text) is None:
        return
    texts = _Texts(source, spans)
    following = _following_lines(source)
    for found in _COMMENT.finditer(source.text):
        span = source.span(*found.span())
        if texts.is_comment(found.start(), span):
            codes = (code.upper() for code in _NOT_CODES.split(found["codes"] or "") if code)
            alone = not source.line(span.line)[: span.column - 1].strip()
            yield _Ignore(span, tuple(dict.fromkeys(codes)), following[span.line] if alone else span.line)


class _Texts:
    """Knows of every place whether it is in a text, and in the code of a step whether it is in a comment."""

    def __init__(self, source: Source, spans: Spans) -> None:
        self._source = source
        self._scalars = sorted(spans.scalars(), key=lambda scalar: scalar[1].start)
        self._starts = [node.start for _, node in self._scalars]
        self._of_code: dict[Path, Mapping[int, int]] = {}

    def is_comment(self, at: int, span: Span) -> bool:
        """Whether a ``#`` begins a comment of YAML, or stands in one of Python."""
        path, node = self._scalars[max(bisect_right(self._starts, at) - 1, 0)]
        if not node.start <= at < node.end or _in_head(self._source, node, at):
            return at == 0 or self._source.text[at - 1].isspace()
        if not _is_code(path, node):
            return False
        if path not in self._of_code:
            self._of_code[path] = dict(_python_comments(self._source, node))
        return self._of_code[path].get(span.line, span.column + 1) <= span.column


def _following_lines(source: Source) -> Sequence[int]:
    """Per line, the next one that is neither empty nor a comment; at the end of the file the line itself."""
    following = list(range(source.line_count + 1))
    for number in range(source.line_count - 1, 0, -1):
        text = source.line(number + 1).lstrip()
        following[number] = number + 1 if text and text[0] != "#" else following[number + 1]
    return following


def _in_head(source: Source, node: Node, at: int) -> bool:
    """Whether a place in a block scalar is on the line of its ``|``, where comments are YAML's."""
    return node.style in {"|", ">"} and "\n" not in source.text[node.start : at]


def _is_code(path: Path, node: Node) -> bool:
    """Whether a scalar is the code of a step in a block of lines; a tool's own param of that name is text."""
    return node.style in {"|", ">"} and path[-1] == "code" and "params" not in path


def _python_comments(source: Source, node: Node) -> Iterator[tuple[int, int]]:
    """Line and column of each comment in code; of what is no Python, those before it goes wrong."""
    head = source.place(node.start)[0]
    last = source.place(max(node.start, node.end - 1))[0]
    lines = [source.line(number) for number in range(head + 1, last + 1)]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    text = textwrap.dedent("\n".join(lines)) + "\n"
    if len(text) > _MOST_CODE:
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield head + token.start[0], margin + token.start[1] + 1
    except (tokenize.TokenError, SyntaxError):
        return  # the code itself is a problem, and is reported where it is
