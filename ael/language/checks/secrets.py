"""5xx: secrets that stand in the file. Only what is hardly anything else counts: known forms of keys, and literal
values under keys that say what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import attrs

from ael.definition import CodeBody, Path, StepDefinition, ToolBody, WorkflowBody
from ael.language.catalog import policy
from ael.language.checks.context import Context, bodies_of
from ael.types import JsonValue

__all__ = ["check_secrets"]

_PRIVATE_KEY = "a private key"
_FORMS: Mapping[str, re.Pattern[str]] = {
    "an API key": re.compile(
        r"(?<![\w-])(?:sk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}|[sr]k_live_[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_-]{35}"
        r"|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|SG\.[\w-]{16,}\.[\w-]{16,})(?![\w-])"
    ),
    "a GitHub token": re.compile(r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})(?!\w)"),
    "a GitLab token": re.compile(r"(?<!\w)glpat-[A-Za-z0-9_-]{20,}"),
    "an AWS key": re.compile(r"(?<!\w)(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)"),
    "a Slack token": re.compile(r"(?<!\w)xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    _PRIVATE_KEY: re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
_MARKS = ("sk-", "k_live_", "AIza", "hf_", "npm_", "SG.", "gh", "glpat-", "AKIA", "ASIA", "xox", "-----BEGIN ")
"""What a text has to contain before the forms are tried."""
_PASSWORD = re.compile(r"(?:.*[_-])?(?:password|passwd|passphrase)", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?:.*[_-])?(?:api[_-]?key|secret[_-]?key|private[_-]?key|access[_-]?key|secret|token)|apikey", re.IGNORECASE
)
_NO_SECRET_TOKEN = re.compile(r".*(?:page|next|prev|continuation|sync|cursor|cancel|stop|resume).*", re.IGNORECASE)
_AUTHORIZATION = re.compile(r"(?:Bearer|Basic|token)\s+(?P<value>\S{8,})", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"[<\[{$%*].*|.*(?:example|changeme|change[_-]me|placeholder|dummy|redacted|your|xxx|\.\.\.|…|todo|none|null).*|(.)\1*",
    re.IGNORECASE | re.DOTALL,
)


_NAME_OF_SECRET = re.compile(r"[A-Z][A-Z0-9_]*|.*[:/#\[].*", re.DOTALL)
_SHORTEST_PASSWORD = 6


@attrs.frozen
class _Text:
    """A text of the file: where, under which key (``""``: none), and whether templates are read there."""

    path: Path
    key: str
    text: str
    templated: bool = True

    @property
    def advice(self) -> str:
        """Where the secret belongs."""
        name = "TOKEN" if self.key.lower() == "authorization" else re.sub(r"\W+", "_", self.key).strip("_").upper()
        read = f"{{{{ secrets.{name or 'NAME'} }}}}"
        if self.templated:
            return f"write `{read}` and set AEL_SECRET_{name or 'NAME'} in the environment"
        return f"take it out, and write `{read}` in the `params` of the tool that needs it"


def check_secrets(context: Context) -> None:
    """Params and code of every step, and defaults of inputs; each text once."""
    for _, step_flow in context.steps:
        for below, key, text, templated in _texts_of(step_flow.step):
            _check(context, _Text(context.path(step_flow.step, *below), key, text, templated))
    for declared in context.definition.inputs:
        for path, key, text in _texts(declared.default, (*declared.path, "default"), declared.name):
            _check(context, _Text(path, key, text, templated=False))


def _texts_of(step: StepDefinition) -> Iterator[tuple[Path, str, str, bool]]:
    for body, below in bodies_of(step):
        if isinstance(body, ToolBody | WorkflowBody):
            for path, key, text in _texts(body.params, (*below, "params"), ""):
                yield path, key, text, True
        elif isinstance(body, CodeBody):
            yield (*below, "code"), "", body.code, False


def _texts(value: JsonValue, path: Path, key: str) -> Iterator[tuple[Path, str, str]]:
    """Every text at any depth, with the nearest key above it."""
    if isinstance(value, str):
        yield path, key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(item, (*path, name), str(name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index), key)


def _check(context: Context, found: _Text) -> None:
    form = _known_form(found.text)
    if form is not None:
        what, start, end = form
        place = context.placer(found.path, found.text)
        problem = policy.SecretLiteral(f"what looks like {what}", found.advice)
        if place is None:
            context.report.add(problem, found.path)
        else:
            context.report.add_span(problem, place(start, end - start))
    elif found.key and _is_secret(found.key, found.text):
        what = f"the value of `{found.key}`, which looks like a secret,"
        context.report.add(policy.SecretLiteral(what, found.advice), found.path)


def _known_form(text: str) -> tuple[str, int, int] | None:
    """What it is, and where in the text."""
    if not any(mark in text for mark in _MARKS):
        return None
    for what, form in _FORMS.items():
        found = form.search(text)
        if found is None:
            continue
        plausible = any(map(str.isdigit, found[0])) and not _PLACEHOLDER.fullmatch(found[0])
        if plausible or what == _PRIVATE_KEY:
            return what, *found.span()
    return None


def _is_secret(key: str, text: str) -> bool:
    """Whether a literal stands under a key that says what it is."""
    secret = text.strip()
    if not secret or "{{" in text or "{%" in text:
        return False
    if key.lower() == "authorization":
        found = _AUTHORIZATION.fullmatch(secret)
        secret = "" if found is None else found["value"]
    if _PLACEHOLDER.fullmatch(secret) or _names_one(secret):
        return False
    return _is_password(key, secret) or _is_made_up(key, secret)


def _is_password(key: str, secret: str) -> bool:
    return bool(_PASSWORD.fullmatch(key)) and len(secret) >= _SHORTEST_PASSWORD and _has_both(secret)


def _has_both(text: str) -> bool:
    """Letters and digits, and no white space."""
    return not re.search(r"\s", text) and any(map(str.isalpha, text)) and any(map(str.isdigit, text))


def _names_one(text: str) -> bool:
    """Whether it is rather the name of a secret: of a variable, a place in a store, a field, words with dashes."""
    words = re.split(r"[_-]", text)
    plain = sum(word.isalpha() for word in words)
    return bool(_NAME_OF_SECRET.fullmatch(text)) or (len(words) > 1 and 2 * plain >= len(words))


def _is_made_up(key: str, secret: str) -> bool:
    """Whether it looks made by a machine, under a key that is for such."""
    named = _TOKEN.fullmatch(key) and not _NO_SECRET_TOKEN.fullmatch(key)
    return _is_mixed(secret) and (bool(named) or key.lower() == "authorization")


def _is_mixed(text: str) -> bool:
    """Whether it looks made by a machine: some length, no spaces, letters and digits."""
    return len(text) >= 8 and _has_both(text)
