"""Template text as Jinja tokens whose line number is the offset in the text, plus one.

Jinja's parser copies a token's line into its nodes and its errors and does nothing else with it. So
every node knows where it begins, to the character, without a lexer or a parser of our own.
"""

from __future__ import annotations

import re
from ast import literal_eval
from itertools import pairwise

import attrs
from jinja2.environment import Environment
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import Token, ignored_tokens, operators

from ael.templates.limits import MAX_BITS
from ael.templates.model import Names
from ael.templates.references import longest_id

__all__ = ["TokenError", "Tokens", "tokenise"]

_DROPPED = frozenset({*ignored_tokens, "raw_begin", "raw_end"})
_BESIDE = frozenset({"data", "block_begin", "comment_begin", "raw_begin"})
_RUN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ESCAPE = re.compile(
    r"""\\(?:\n|[\\'"abfnrtv]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|N\{[^}]*\})""", re.DOTALL
)


class TokenError(Exception):
    """The text cannot be read at ``offset``."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class _Raw:
    """One raw token of Jinja's lexer: white space and comments are tokens too."""

    __slots__ = ("end", "kind", "start", "text")

    def __init__(self, kind: str, text: str, start: int) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.end = start + len(text)


@attrs.frozen
class Tokens:
    """The tokens of a text, and where each one that matters ends.

    Attributes:
        tokens: For Jinja's parser; ``lineno`` is the offset plus one.
        ends: Start of a token → its end.
        following: Start of a token → start of the next.
        words: Start of a name → the name.
        whole: Whether the text is exactly one ``{{ expression }}``, white space aside.
    """

    tokens: list[Token]
    ends: dict[int, int]
    following: dict[int, int]
    words: dict[int, str]
    whole: bool


def tokenise(text: str, names: Names, environment: Environment) -> Tokens:
    """Read the text.

    Raises:
        TokenError: Jinja's lexer refuses it, or a number or a text in it is none.
    """
    # Jinja turns every line break into \n; ours keep their length and, in data, their characters.
    flat = text.replace("\r", " ")
    raw, error = _scan(flat, environment)
    ids = _ids(flat, raw, names)
    if any("-" in name for name in ids.values()):
        for start, name in ids.items():
            flat = flat[:start] + name.replace("-", "_") + flat[start + len(name) :]
        raw, error = _scan(flat, environment)
    if error is not None:
        raise error
    kept = [token for token in raw if token.kind not in _DROPPED]
    return Tokens(
        [_token(token, text, ids) for token in kept],
        {token.start: token.end for token in kept},
        {one.start: other.start for one, other in pairwise(kept)},
        {token.start: token.text for token in kept if token.kind == "name"},
        _is_whole(raw),
    )


def _is_whole(raw: list[_Raw]) -> bool:
    kinds = [token.kind for token in raw if not (token.kind == "data" and token.text.isspace())]
    if kinds[:1] != ["variable_begin"] or kinds[-1] != "variable_end":
        return False
    return kinds.count("variable_begin") == 1 and _BESIDE.isdisjoint(kinds)


def _scan(flat: str, environment: Environment) -> tuple[list[_Raw], TokenError | None]:
    raw: list[_Raw] = []
    at = 0
    try:
        for _, kind, text in environment.lexer.tokeniter(flat, None):
            # What lies between two tokens is white space that a `-` in a tag has removed.
            start = flat.find(text, at)
            raw.append(_Raw(kind, text, start))
            at = start + len(text)
    except TemplateSyntaxError as error:
        message = re.sub(r" at \d+$", "", error.message or "it cannot be read")
        return raw, TokenError(message, at)
    if raw and raw[-1].kind == "comment_begin":
        return raw, TokenError("the comment does not end", raw[-1].start)
    return raw, None


def _ids(flat: str, raw: list[_Raw], names: Names) -> dict[int, str]:
    """Offset → id, of all names that stand directly after ``steps.`` and ``inputs.``."""
    declared = {"steps": names.steps, "inputs": names.inputs}
    found: dict[int, str] = {}
    before = ""
    tokens = [token for token in raw if token.kind not in _DROPPED]
    for root, dot in pairwise(tokens):
        if root.kind == "name" and root.text in declared and dot.text == "." and before not in (".", "|"):
            run = _RUN.match(flat, _skip_space(flat, dot.end))
            if run is not None:
                found[run.start()] = longest_id(run.group(), declared[root.text])
        before = root.text
    return found


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _token(token: _Raw, text: str, ids: dict[int, str]) -> Token:
    kind, value = token.kind, _value(token, text, ids)
    if kind == "operator":
        kind = operators[token.text]
    return Token(token.start + 1, kind, value)  # type: ignore[arg-type]  # numbers are values too


def _value(token: _Raw, text: str, ids: dict[int, str]) -> object:
    original = text[token.start : token.end]
    match token.kind:
        case "data":
            return original
        case "string":
            return _ESCAPE.sub(_unescape, original[1:-1])
        case "integer" | "float":
            return _number(token)
        case "name":
            return ids.get(token.start, token.text)
    return token.text


def _unescape(match: re.Match[str]) -> str:
    try:
        return match.group().encode("ascii").decode("unicode-escape")
    except UnicodeError:
        return match.group()


def _number(token: _Raw) -> int | float:
    digits = token.text.replace("_", "")
    try:
        number = int(digits, 0) if token.kind == "integer" else float(literal_eval(digits))
    except (ValueError, SyntaxError):
        raise TokenError("this number is too large", token.start) from None
    if number == float("inf") or (isinstance(number, int) and number.bit_length() > MAX_BITS):
        raise TokenError("this number is too large", token.start)
    return number
