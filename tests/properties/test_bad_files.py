"""Whatever is done to a workflow file, what comes back are diagnostics, each with a place in the file.

``python -m benchmarks.fuzz`` tries a hundred thousand of these, and looks at time and memory too.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ael.language.reader import read_document
from ael.language.report import Report
from tests.mutations import (
    NODE_MUTATIONS,
    PIECES,
    TEXT_MUTATIONS,
    NodeMutation,
    TextMutation,
    alias_bomb,
    check_bytes,
    check_text,
    mutated,
    node_paths,
    originals,
)

TEXTS = originals()
SMALL = [text for text in TEXTS if len(text) < 1500]
DOCUMENTS = [
    json.dumps(document.value)
    for document in (read_document(text, "f", Report()) for text in SMALL)
    if document is not None and isinstance(document.value, dict) and "MISSING" not in repr(document.value)
]
texts = st.sampled_from(SMALL)
randoms = st.randoms(use_true_random=False)
patient = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def _name(function: object) -> str:
    return getattr(function, "__name__", str(function)).strip("_")


def test_there_is_something_to_break() -> None:
    assert len(TEXTS) > 150
    assert len(DOCUMENTS) > 100
    assert sum(not check_text(text) for text in TEXTS) > 20


@pytest.mark.parametrize("mutate", [*TEXT_MUTATIONS, alias_bomb], ids=_name)
@patient
@given(text=texts, random=randoms)
def test_a_broken_text(mutate: TextMutation, text: str, random: Random) -> None:
    check_text(mutate(text, random))


@pytest.mark.parametrize("mutate", NODE_MUTATIONS, ids=_name)
@patient
@given(document=st.sampled_from(DOCUMENTS), random=randoms)
def test_a_broken_node(mutate: NodeMutation, document: str, random: Random) -> None:
    value = json.loads(document)
    mutate(value, random.choice([path for path in node_paths(value) if path]), random)
    check_text(json.dumps(value))


@patient
@given(random=randoms)
def test_broken_in_several_ways_down_to_its_bytes(random: Random, tmp_path: Path) -> None:
    check_bytes(mutated(SMALL, random), tmp_path / "f.yaml")


@patient
@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_made_of_nothing_but_odd_pieces(pieces: list[str]) -> None:
    check_text("".join(pieces))


@patient
@given(st.binary(max_size=60))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    check_bytes(data, tmp_path / "f.yaml")


DEEP = {
    "blocks": ('{"id": "b%d", "steps": [', '{"id": "a", "tool": "echo"}', "]}", "%s"),
    "branches": ('{"id": "b%d", "choose": [{"steps": [', '{"id": "a", "tool": "echo"}', "]}]}", "%s"),
    "params": ('{"k%d": ', "1", "}", '{"id": "a", "tool": "echo", "params": %s}'),
    "a template": ("(", "1", ")", '{"id": "a", "tool": "echo", "params": {"x": "{{ %s }}"}}'),
    "code": ("(", "1", ")", '{"id": "a", "code": "return %s"}'),
}
"""What opens, what is inside, what closes, and the step around it."""


@pytest.mark.parametrize("levels", [20, 300, 2000, 20_000])
@pytest.mark.parametrize(("start", "middle", "end", "step"), DEEP.values(), ids=DEEP)
def test_deep_ones(start: str, middle: str, end: str, step: str, levels: int) -> None:
    """As deep as a file may be, and deeper."""
    starts = (start % level if "%d" in start else start for level in range(levels))
    found = check_text('{"name": "w", "steps": [' + step % f"{''.join(starts)}{middle}{end * levels}" + "]}")
    errors = [problem.code for problem in found if problem.is_error]
    assert bool(errors) == (levels > 20), errors
