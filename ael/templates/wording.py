"""What is wrong with the syntax of a template, said for people.

Jinja words its errors for those who know its tokens. Here a few rules read its message and the text around the
place, and say what is missing or too much, where that is, and what to write. Rules are tried in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TypeAlias

import attrs

from ael.templates.model import TemplateProblem

__all__ = ["syntax_problem"]


@attrs.frozen
class _Fault:
    """One error of Jinja's: its message, and the place ``text[start:end]`` it names."""

    text: str
    message: str
    start: int
    end: int

    @property
    def here(self) -> str:
        """The text at the place."""
        return self.text[self.start : self.end]

    @property
    def tag(self) -> int:
        """Where the last ``{{`` or ``{%`` before the place begins."""
        at = max(self.text.rfind("{{", 0, self.start + 1), self.text.rfind("{%", 0, self.start + 1), 0)
        return at - 1 if at and self.text.startswith("{{{", at - 1) else at

    @property
    def before(self) -> tuple[int, int]:
        """The last word or mark before the place; in front of all of them the braces."""
        found = _LAST.search(self.text, max(self.tag, self.start - _FAR), self.start)
        return found.span(1) if found is not None else (self.tag, self.tag + 2)

    def problem(self, message: str, advice: str | None = None, *, at: tuple[int, int] | None = None) -> TemplateProblem:
        """The problem, at another place if one is given."""
        start, end = at or (self.start, self.end)
        start = min(max(start, 0), max(len(self.text) - 1, 0))
        length = max(min(end, len(self.text)) - start, 1)
        return TemplateProblem("syntax", message, None, start, length, advice=advice)


_LAST = re.compile(r"""([A-Za-z_0-9]+|[=!<>*/.]+|\{[{%]-?|"[^"]*"|'[^']*'|[^\s\w])\s*\Z""")
_FAR = 200
"""How far back a word is looked for; the search is quadratic."""

_Rule: TypeAlias = Callable[[_Fault, re.Match[str]], TemplateProblem]


def syntax_problem(text: str, message: str, start: int, end: int) -> TemplateProblem:
    """The problem that Jinja's ``message`` about ``text[start:end]`` stands for."""
    fault = _Fault(text, message, start, end)
    foreign = _foreign(fault)
    if foreign is not None:
        return foreign
    for pattern, rule in _RULES:
        found = pattern.search(message)
        if found is not None:
            return rule(fault, found)
    return fault.problem(message[:1].lower() + message[1:].rstrip("."))


# -- what other languages write -------------------------------------------------------------------

_FOREIGN_MARKS: Mapping[str, str] = {
    "&&": "write `and`",
    "||": "write `or`",
    "===": "write `==`",
    "!==": "write `!=`",
    "=>": "write `>=`",
    "<>": "write `!=`",
    "=": "write `==` to compare",
    "!": "write `not`",
    "?.": "write `.`, and `| default(...)` for what may be missing",
    "??": "write `| default(...)`",
    "?": "write `A if CONDITION else B`",
    "$": "names stand without `$`",
    "`": "write text in '...' or \"...\"",
    "&": "write `and`",
    ";": "one expression is enough",
    "=~": "there are no regular expressions here; use `in`, or a code step",
}
_FOREIGN_WORDS: Mapping[str, str] = {
    "AND": "write `and`",
    "OR": "write `or`",
    "NOT": "write `not`",
    "eq": "write `==`",
    "ne": "write `!=`",
    "gt": "write `>`",
    "lt": "write `<`",
    "contains": "write `PART in WHOLE`",
    "then": "write `A if CONDITION else B`",
    "lambda": "there are no functions here; use a filter or a code step",
}
_MARKS = re.compile("|".join(re.escape(mark) for mark in sorted(_FOREIGN_MARKS, key=len, reverse=True)))


def _foreign(fault: _Fault) -> TemplateProblem | None:
    """The operator of another language that the place is in, or that stands before it."""
    for found in _MARKS.finditer(fault.text, max(fault.start - 2, 0), fault.start + 3):
        if found.start() <= fault.start < found.end():
            message = f"`{found[0]}` is not known in templates"
            return fault.problem(message, _FOREIGN_MARKS[found[0]], at=found.span())
    for start, end in ((fault.start, fault.end), fault.before):
        word = fault.text[start:end]
        if word in _FOREIGN_WORDS:
            return fault.problem(f"`{word}` is not known in templates", _FOREIGN_WORDS[word], at=(start, end))
    return None


# -- what is missing, or too much -----------------------------------------------------------------

_BRACES = {"{{": "}}", "{%": "%}"}
_MISSING_AFTER = {"|": "the name of a filter", ".": "a name", "is": "the name of a test"}
_TAGS = ("if", "for", "set", "raw", "with", "filter", "macro", "call")
_BETWEEN = "put an operator between two values, text in quotes, and what a filter is given in parentheses"


def _missing(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    """The expression breaks off."""
    if fault.here not in _CLOSING:
        return _misplaced(fault, found)
    start, end = fault.before
    last = fault.text[start:end]
    if last.rstrip("-") in _BRACES:
        closing = _BRACES[last[:2]]
        return fault.problem(f"there is nothing between `{last}` and `{closing}`", at=(start, max(fault.end, end)))
    word, what = _short(last), _MISSING_AFTER.get(last, "a value")
    return fault.problem(f"{what} is missing after `{word}`", f"write it, or remove `{word}`", at=(start, end))


_CLOSING = frozenset({"}}", "%}", "-}}", "-%}", ")", "]", "}", ",", ""})


def _misplaced(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    start, end = fault.before
    if fault.text[start:end] == "else" and fault.here == "if":
        return fault.problem("`else if` is not known in templates", "write `elif`", at=(start, fault.end))
    return fault.problem(f"`{_short(fault.here)}` cannot stand after `{_short(fault.text[start:end])}`", _BETWEEN)


def _short(word: str) -> str:
    return word if len(word) <= 40 else word[:39] + "…"


def _unclosed_bracket(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    """A closing brace where ``)`` or ``]`` was due."""
    opened = [at for at, _ in _open_brackets(fault.text, fault.tag + 2, fault.start)]
    at = opened[-1] if opened else fault.start
    return fault.problem(f"`{fault.text[at]}` is never closed", f"add `{found[1]}`", at=(at, at + 1))


def _open_brackets(text: str, start: int, end: int) -> list[tuple[int, str]]:
    """Brackets that are still open at ``end``, outermost first; those in quotes are none."""
    opened: list[tuple[int, str]] = []
    for found in re.compile(r"""'[^']*'|"[^"]*"|[()\[\]{}]""").finditer(text, start, end):
        if found[0] in "([{":
            opened.append((found.start(), found[0]))
        elif found[0] in ")]}" and opened:
            opened.pop()
    return opened


def _never_closed(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    """The text ends, or closes with other braces, before the braces that were opened are closed."""
    opening = fault.text[fault.tag : fault.tag + 2]
    closing = _BRACES.get(opening, "}}")
    if fault.text.startswith("{{{", fault.tag):
        return fault.problem("`{{{` has a brace too many", "write `{{ ... }}`", at=(fault.tag, fault.tag + 3))
    at = (fault.tag, fault.tag + 2)
    return fault.problem(f"`{opening}` is never closed by `{closing}`", f"close it with `{closing}`", at=at)


def _closes_nothing(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    return fault.problem(f"`{found[1]}` closes nothing", "remove it, or open it before")


def _open_quote(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    advice = "close it; to have such a quote in the text, write the text in quotes of the other kind"
    return fault.problem("this quote is never closed", advice)


def _strange(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    return fault.problem(f"`{fault.here}` has no meaning in templates", "quote it if it is text")


# -- tags -----------------------------------------------------------------------------------------


def _open_tag(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    """A block that lacks its end; with another ending in its place, that is what the eye falls on."""
    name = found[1]
    advice = f"close it with `{{% end{name} %}}`"
    if "unknown tag" in fault.message:
        return fault.problem(f"`{{% {fault.here} %}}` stands where `{{% {name} %}}` is open", advice)
    opened = list(re.compile(rf"\{{%[-+]?\s*{name}\b").finditer(fault.text))
    at = opened[-1].span() if opened else None
    return fault.problem(f"`{{% {name} %}}` is never closed", advice, at=at)


def _unknown_tag(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    name = found[1]
    if name.startswith("end") or name in {"else", "elif"}:
        owner = name.removeprefix("end") if name.startswith("end") else "if"
        return fault.problem(f"`{{% {name} %}}` has no `{{% {owner} %}}` before it", "remove it, or open it before")
    near = get_close_matches(name, _TAGS, n=1)
    advice = f"did you mean '{near[0]}'?" if near else f"the tags are {', '.join(_TAGS)}"
    return fault.problem(f"there is no tag `{{% {name} %}}`", advice)


def _no_tag(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    return fault.problem("there is nothing between `{%` and `%}`", at=(fault.tag, fault.end))


def _no_in(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    return fault.problem("`in` is missing in `{% for %}`", "write `{% for NAME in LIST %}`")


def _open_comment(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    at = max(fault.text.rfind("{#"), 0)
    return fault.problem("`{#` is never closed by `#}`", "a comment ends with `#}`", at=(at, at + 2))


def _open_raw(fault: _Fault, found: re.Match[str]) -> TemplateProblem:
    at = max(fault.text.rfind("{%"), 0)
    return fault.problem("`{% raw %}` is never closed", "close it with `{% endraw %}`", at=(at, fault.start))


_RULES: tuple[tuple[re.Pattern[str], _Rule], ...] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"needs to be closed is '(\w+)'", _open_tag),
        (r"unknown tag '(\w+)'", _unknown_tag),
        (r"[Tt]ag name expected", _no_tag),
        (r"end of comment|comment does not end", _open_comment),
        (r"end of raw", _open_raw),
        (r"unexpected '[)\]}]', expected '([)\]}])'", _unclosed_bracket),
        (r"unexpected end of template|unexpected '\}'|expected token ':', got '\}'", _never_closed),
        (r"unexpected '([)\]])'", _closes_nothing),
        (r"""unexpected char ["'\\]+$""", _open_quote),
        (r"unexpected char", _strange),
        (r"expected token 'in'", _no_in),
        (r"[Ee]xpected an expression|[Ee]xpected name or number|expected token 'name'", _missing),
        (r"unexpected", _missing),
        (r"expected token", _misplaced),
    )
)
