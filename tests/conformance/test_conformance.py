"""The control-flow patterns that the language can say, each a small file with what it must do.

A file ``NAME.ael.yaml`` in this folder says in the comment it begins with, behind ``# expect:``, what an execution of
it must be like; or a list of such, one per execution. Files in ``called`` are there to be run by others.

============ ==================================================================================================
inputs       what it is given; ``config`` likewise
cancel_after it is cancelled after so many seconds
status       ``completed`` if not said
error        code of the execution's error; none if not said
outputs      all of them; ``{}`` if not said
steps        path → ``STATUS``, or ``STATUS DETAIL``: for a skipped step how its reason begins, for a failed one the
             error's code. Inner paths as in results: ``pages[1].fetch``
values       path → output of the step
attempts     path → number of the last attempt
order        ``a < b``: a ended before b began; ``a | b``: both ran at one time; ``not started: a``
calls        tool → how often it was called
log          all that the tool ``record`` noted, in order
seconds      how long it took, in virtual time
warnings     texts that its warnings contain, one each; none if not said
============ ==================================================================================================

Everything a file needs is in the file, in ``called`` and in ``tools.py``: another back end runs the suite by an entry
in ``conftest.BACK_ENDS``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ael.definition import WorkflowDefinition
from ael.diagnostics import Severity
from ael.events import Event
from ael.loading import load_path, load_workflow
from ael.testing import run_virtual
from ael.types import ExecutionResult, StepResult
from tests.conformance.conftest import EngineFactory
from tests.conformance.observed import Observed
from tests.conformance.tools import Script
from tests.expectations import Expected, expectations_of

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.ael.yaml"))
CALLED = sorted(FOLDER.glob("called/*.ael.yaml"))

KEYS = frozenset(
    {"inputs", "config", "cancel_after", "status", "error", "outputs", "steps", "values", "attempts", "order", "calls"}
    | {"log", "seconds", "warnings"}
)


def name_of(path: Path) -> str:
    return path.name.removesuffix(".ael.yaml")


def cases() -> Iterator[tuple[Path, Expected, str]]:
    """Every execution that a file describes."""
    for path in FILES:
        expectations = expectations_of(path)
        for number, expected in enumerate(expectations):
            yield path, expected, f"{name_of(path)}-{number}" if len(expectations) > 1 else name_of(path)


CASES = list(cases())


@pytest.mark.parametrize(("path", "expected"), [case[:2] for case in CASES], ids=[case[2] for case in CASES])
def test_it_does_what_its_file_says(path: Path, expected: Expected, conformance_engine: EngineFactory) -> None:
    script = Script()
    definitions = [load_workflow(path), *(load_workflow(called) for called in CALLED)]
    result, events = run_virtual(execute(definitions, expected, script, conformance_engine))
    assert list(differences(result, expected)) == []
    assert {path: _described(result[path], wanted) for path, wanted in expected.get("steps", {}).items()} == (
        expected.get("steps", {})
    )
    observed = Observed(events)
    assert [miss for each in expected.get("order", []) if (miss := observed.misses(each)) is not None] == []
    calls = expected.get("calls", {})
    assert {tool: script.calls[tool] for tool in calls} == calls
    if "log" in expected:
        assert script.log == expected["log"]


async def execute(
    definitions: Sequence[WorkflowDefinition], expected: Expected, script: Script, make: EngineFactory
) -> tuple[ExecutionResult, list[Event]]:
    """Run the first of the workflows to its end."""
    async with make(definitions, script) as engine:
        execution = engine.start(definitions[0].name, expected.get("inputs"), expected.get("config"))
        if "cancel_after" in expected:
            asyncio.get_running_loop().call_later(expected["cancel_after"], execution.cancel)
        events = [event async for event in execution.events()]
        return await execution.result(), events


def differences(result: ExecutionResult, expected: Expected) -> Iterator[str]:
    """What is not as expected of the execution as a whole, and of its outputs."""
    whole = {
        "status": (str(result.status), "completed"),
        "error": (None if result.error is None else result.error.code, None),
        "outputs": (result.outputs, {}),
        "seconds": (round(result.duration_ms / 1000, 3), None),
    }
    for what, (found, usual) in whole.items():
        wanted = expected.get(what, usual)
        if found != wanted and (what != "seconds" or what in expected):
            yield f"{what}: {found!r}, not {wanted!r} ({result.error})"
    texts = expected.get("warnings", [])
    if len(texts) != len(result.warnings) or not all(map(str.__contains__, result.warnings, texts)):
        yield f"warnings: {result.warnings}, not {texts}"
    yield from _differing("output", expected.get("values", {}), result)
    yield from _differing("attempt", expected.get("attempts", {}), result)


def _differing(field: str, wanted: Expected, result: ExecutionResult) -> Iterator[str]:
    for path, value in wanted.items():
        found = getattr(result[path], field)
        if found != value:
            yield f"{field} of {path}: {found!r}, not {value!r}"


def _described(step: StepResult, wanted: str) -> str:
    """The step's status in the words of the file, with as much of the detail as that gives."""
    status, _, detail = wanted.partition(" ")
    if not detail:
        return str(step.status)
    found = (step.skip_reason or "") if step.status == "skipped" else step.error.code if step.error else ""
    return f"{step.status} {found[: len(detail)] if status == 'skipped' else found}"


@pytest.mark.parametrize("path", [*FILES, *CALLED], ids=name_of)
def test_the_checks_find_nothing_but_notes(path: Path) -> None:
    found = load_path(path, catalog=Script().tools).diagnostics
    assert [str(diagnostic) for diagnostic in found if diagnostic.severity is not Severity.NOTE] == []


def test_expectations_are_spelt_right() -> None:
    assert {key for _, expected, _ in CASES for key in expected} <= KEYS
    assert all(load_workflow(path).name == name_of(path) for path in FILES + CALLED)
