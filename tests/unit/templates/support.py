"""A scope to render in: a few steps in every state a template can meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ael.errors import TemplateError
from ael.templates import Data, Names, StepView, Template, parse
from ael.types import JsonValue, StepResult, StepStatus

OUTPUT = {
    "name": "Ada",
    "items": [1, 2],
    "rows": [{"id": 1, "tag": "a"}, {"id": 2, "tag": "b"}],
    "nothing": None,
    "yes": True,
    "odd key": 7,
    "text": "straße",
    "template": "{{ inputs.n }}",
}


class Scope:
    """The plainest ``Data``."""

    def __init__(
        self,
        results: Sequence[StepResult | None] = (),
        *,
        inputs: Mapping[str, JsonValue] | None = None,
        roots: Mapping[str, JsonValue] | None = None,
        up: Data | None = None,
    ) -> None:
        self.results = list(results)
        self.inputs = inputs or {}
        self.roots = roots or {}
        self.up = up


def completed(step_id: str, output: JsonValue) -> StepResult:
    return StepResult(step_id, StepStatus.COMPLETED, output=output, attempt=1, started_ns=1, completed_ns=2_000_001)


RESULTS = [
    completed("a", OUTPUT),
    completed("get-user", {"id": 5}),
    StepResult("skipped", StepStatus.SKIPPED, usable=False, skip_reason="condition"),
    StepResult("fell", StepStatus.SKIPPED, output="(none)", error=TemplateError("boom")),
    None,
    completed("get", {"id": 6}),
]
STEPS = ("a", "get-user", "skipped", "fell", "waiting", "get")
NAMES = Names({step_id: (0, i) for i, step_id in enumerate(STEPS)}, frozenset({"n", "who", "a-b", "empty"}))
ROOTS = {
    "config": {"depth": 3},
    "workflow": {"name": "w", "version": "1.0.0", "start_time": "2024-01-01T00:00:00+00:00"},
    "execution_id": "e1",
    "secrets": {"TOKEN": "s3"},
}
INPUTS = {"n": 4, "who": "{{ inputs.n }}", "a-b": 10, "empty": None}
SCOPE = Scope(RESULTS, inputs=INPUTS, roots=ROOTS)
STEP = StepView("me", 2, "key-1")


def template(text: str, names: Names = NAMES) -> Template:
    """The template, which must have no problems."""
    parsed = parse(text, names)
    assert parsed.problems == ()
    return parsed


def render(text: str) -> JsonValue:
    return template(text).render(SCOPE, STEP)
