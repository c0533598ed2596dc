"""Secrets are read where they are configured, and hidden wherever they may be written."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.secret_values import MASK, SHORTEST_SECRET, EnvironmentSecrets
from ael.types import JsonValue

ENVIRON = {
    "GITHUB_TOKEN": 'ghp_s3cret/+ü"',
    "AEL_SECRET_db": "hunter2!",
    "AEL_SECRET_API_KEY": "key-0123",
    "AEL_SECRET_LONG": "key-0123-and-more",
    "AEL_SECRET_MODE": "on",
    "AEL_SECRET_": "nameless",
    "PATH": "/bin",
}


@pytest.fixture
def secrets() -> EnvironmentSecrets:
    return EnvironmentSecrets({"github": "GITHUB_TOKEN", "gone": "NOT_SET"}, ENVIRON)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("github", ENVIRON["GITHUB_TOKEN"]),
        ("db", "hunter2!"),
        ("api_key", "key-0123"),
        ("API_KEY", "key-0123"),
        ("gone", None),
        ("PATH", None),
        ("", "nameless"),
    ],
)
def test_where_a_name_is_looked_up(secrets: EnvironmentSecrets, name: str, value: str | None) -> None:
    assert secrets.get(name) == value


def test_a_listed_name_is_read_from_its_variable_only() -> None:
    secrets = EnvironmentSecrets({"a": "LISTED"}, {"AEL_SECRET_a": "other"})
    assert secrets.get("a") is None


def test_names_are_the_listed_and_the_found(secrets: EnvironmentSecrets) -> None:
    assert list(secrets.names()) == ["github", "gone", "API_KEY", "LONG", "MODE", "db"]


def test_the_environment_is_read_when_asked() -> None:
    environ: dict[str, str] = {}
    secrets = EnvironmentSecrets({}, environ)
    assert secrets.get("late") is None
    environ["AEL_SECRET_LATE"] = "arrived"
    assert secrets.get("late") == "arrived"


def test_only_what_was_read_is_hidden(secrets: EnvironmentSecrets) -> None:
    text = "hunter2! and key-0123"
    assert secrets.mask(text) == text
    secrets.get("db")
    assert secrets.mask(text) == f"{MASK} and key-0123"


def test_hidden_at_any_depth_in_keys_and_in_bytes(secrets: EnvironmentSecrets) -> None:
    secrets.get("db")
    value: JsonValue = {"a hunter2!": [1, None, ("x", {"deep": "=hunter2!="})], "raw": b"\xffhunter2!"}
    before = json.dumps(value, default=repr)
    assert secrets.mask(value) == {f"a {MASK}": [1, None, ("x", {"deep": f"={MASK}="})], "raw": b"\xff***"}
    assert json.dumps(value, default=repr) == before


@pytest.mark.parametrize(
    "written",
    [
        json.dumps(ENVIRON["GITHUB_TOKEN"])[1:-1],
        json.dumps(ENVIRON["GITHUB_TOKEN"], ensure_ascii=False)[1:-1],
        quote_plus(ENVIRON["GITHUB_TOKEN"]),
        base64.b64encode(ENVIRON["GITHUB_TOKEN"].encode()).decode(),
        base64.urlsafe_b64encode(ENVIRON["GITHUB_TOKEN"].encode()).decode().rstrip("="),
    ],
    ids=["json", "json-unicode", "url", "base64", "base64-url"],
)
def test_hidden_as_other_formats_write_it(secrets: EnvironmentSecrets, written: str) -> None:
    secrets.get("github")
    assert secrets.mask(f"<{written}>").rstrip("=>") == f"<{MASK}"


def test_the_longer_secret_is_hidden_first(secrets: EnvironmentSecrets) -> None:
    secrets.get("api_key")
    secrets.get("long")
    assert secrets.mask("key-0123-and-more, key-0123") == f"{MASK}, {MASK}"


def test_a_value_too_short_to_be_one_is_not_hidden(secrets: EnvironmentSecrets) -> None:
    assert secrets.get("mode") == "on"
    assert secrets.mask("on and on") == "on and on"


def test_without_a_secret_read_the_value_itself_comes_back(secrets: EnvironmentSecrets) -> None:
    value = {"a": [1]}
    assert secrets.mask(value) is value


SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
DATA = st.recursive(SCALARS, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=10)


@given(secret=st.text(min_size=SHORTEST_SECRET).filter(lambda text: "*" not in text), around=DATA, before=st.text())
def test_no_secret_survives(secret: str, around: JsonValue, before: str) -> None:
    secrets = EnvironmentSecrets({"s": "S"}, {"S": secret})
    secrets.get("s")
    masked = secrets.mask({"data": around, before + secret: [before + secret, secret + before]})
    assert secret not in _texts(masked)


def _texts(value: JsonValue) -> list[str]:
    """Every text in it, and every part of one as long as the shortest secret that could hide there."""
    if isinstance(value, str):
        return [value[start:end] for start in range(len(value)) for end in range(start + 1, len(value) + 1)]
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in _texts(each)]
    return [text for each in value for text in _texts(each)] if isinstance(value, list) else []
