"""Files in the style of Ploston's documentation load unchanged, say what is old in them, and run.

Each file in ``tests/fixtures/old`` says what it expects:

- ``notes``, ``warnings``: the codes of all its diagnostics; there are no errors
- ``inputs``, and then ``status`` (``completed``), ``error``, ``outputs``, ``skipped`` (step → how its reason begins),
  ``attempts`` (step → number), ``order`` (each ended before the next started), ``logs``, ``seconds`` (virtual)
- ``sequential``: it is run as with ``ael run --sequential``
- ``loads``: it is not run

All of it holds for the file as it is, and for the file as its fixes make it, which then has no note left.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import pytest

from ael.code import SafeExecutor
from ael.definition import CodeBody, ToolBody, WorkflowDefinition
from ael.diagnostics import Diagnostic
from ael.errors import ToolError
from ael.events import LogEmitted
from ael.language import read_file
from ael.language.fixes import fix_all
from ael.loading import Loaded, load_source
from ael.ports import ToolCall, ToolSpec
from ael.settings import Settings
from ael.source import Source
from ael.testing import FakeTools, VirtualClock, make_engine, run_virtual
from ael.types import ExecutionResult, JsonValue
from tests.expectations import expectation_of

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "old"
FILES = sorted(path for path in FOLDER.iterdir() if not path.name.endswith(".expected.json"))
OLD = {f"AEL{number}" for number in range(190, 198)}
each_file = pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])


class Town:
    """What the tools of the files know: a catalogue, the weather, letters, files, and pages that come late."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.letters = 0
        reads = {
            "weather.current": lambda params: {"city": params["city"], "degrees": 21, "sky": "clear"},
            "catalogue.search": lambda params: {"hits": {"first": {"id": 7, "title": "Dunes"}}, "count": 2},
            "catalogue.titles": lambda params: ["Dunes", "Marshes"],
            "catalogue.echo": lambda params: params,
            "files.read_text": lambda params: self.files[params["path"]],
        }
        writes = {
            "catalogue.broken": self.broken,
            "files.write_text": self.write,
            "mail.send": self.send,
            "web.flaky_fetch": self.flaky_fetch,
            "web.slow_fetch": self.slow_fetch,
        }
        both = reads | writes
        bare = {name.partition(".")[2]: function for name, function in both.items()}
        specs = [
            ToolSpec(name.partition(".")[2], server=name.partition(".")[0], read_only=name in reads or None)
            for name in both
        ]
        self.tools = FakeTools(both | bare, specs=specs)

    def broken(self, params: Mapping[str, JsonValue]) -> JsonValue:
        raise ToolError("it is down")

    def write(self, params: Mapping[str, JsonValue]) -> JsonValue:
        self.files[params["path"]] = params["text"]
        return {"written": len(params["text"])}

    def send(self, params: Mapping[str, JsonValue]) -> JsonValue:
        self.letters += 1
        return {"id": f"m-{self.letters}", "subject": params["subject"]}

    def flaky_fetch(self, call: ToolCall) -> JsonValue:
        if call.attempt <= call.params["failures"]:
            raise ToolError("no answer")
        return {"status": 200, "body": f"page of {call.params['url']}"}

    async def slow_fetch(self, params: Mapping[str, JsonValue]) -> JsonValue:
        await VirtualClock().sleep(60)
        return None


@pytest.fixture(scope="module")
def executor() -> Iterator[SafeExecutor]:
    executor = SafeExecutor(Settings())
    yield executor
    asyncio.run(executor.aclose())


def load(source: Source, executor: SafeExecutor, expected: Mapping[str, JsonValue]) -> Loaded:
    executors = {} if "loads" in expected else {"safe": executor}
    return load_source(source, catalog=Town().tools, executors=executors)


def source_of(path: Path) -> Source:
    source = read_file(path)
    assert isinstance(source, Source)
    return source


def fixed(source: Source, executor: SafeExecutor, expected: Mapping[str, JsonValue]) -> Source:
    """The file after its fixes."""
    return fix_all(source, lambda now: load(now, executor, expected).diagnostics).source


def codes(diagnostics: Sequence[Diagnostic], severity: str) -> list[str]:
    return sorted({found.code for found in diagnostics if found.severity == severity})


@each_file
def test_it_loads_and_says_what_is_old(path: Path, executor: SafeExecutor) -> None:
    expected = expectation_of(path)
    found = load(source_of(path), executor, expected).diagnostics
    assert codes(found, "error") == []
    assert codes(found, "warning") == expected.get("warnings", [])
    assert codes(found, "note") == expected["notes"]
    assert all(note.fix is not None and note.fix.safe for note in found if note.code in OLD)


@each_file
def test_its_fixes_leave_nothing_old_and_change_no_meaning(path: Path, executor: SafeExecutor) -> None:
    expected = expectation_of(path)
    source = source_of(path)
    before = load(source, executor, expected)
    after = load(fixed(source, executor, expected), executor, expected)
    assert codes(after.diagnostics, "error") == []
    assert OLD.isdisjoint(found.code for found in after.diagnostics)
    assert before.definition is not None
    assert after.definition is not None
    assert meaning(after.definition) == meaning(before.definition)


_PLACES = {"path", "notes", "source", "spans"}


def meaning(definition: WorkflowDefinition) -> dict[str, JsonValue]:
    """A definition without its places, with tools by their full names. What code means only running it tells."""
    steps = tuple(attrs.evolve(step, body=_body(step.body)) for step in definition.steps)
    plain = attrs.evolve(definition, steps=steps)
    return attrs.asdict(plain, filter=lambda field, _: field.name not in _PLACES)


def _body(body: object) -> object:
    match body:
        case ToolBody(tool=tool, server=str(server)) if "." not in tool:
            return attrs.evolve(body, tool=f"{server}.{tool}", server=None)
        case CodeBody():
            return CodeBody("")
        case _:
            return body


RUN = [path for path in FILES if "loads" not in expectation_of(path)]


@pytest.mark.parametrize("text", ["as it is", "as its fixes make it"])
@pytest.mark.parametrize("path", RUN, ids=[path.name for path in RUN])
def test_it_runs(path: Path, text: str, executor: SafeExecutor) -> None:
    expected = expectation_of(path)
    source = source_of(path)
    if text != "as it is":
        source = fixed(source, executor, expected)
    definition = load(source, executor, expected).definition
    assert definition is not None
    uses_code = any(isinstance(step.body, CodeBody) for step in definition.steps)
    running = run(definition, expected, executor)
    result, logs = asyncio.run(running) if uses_code else run_virtual(running)
    _compare(result, expected)
    assert logs == expected.get("logs", logs)
    if "seconds" in expected:
        assert expected["seconds"] <= result.duration_ms / 1000 <= expected["seconds"] * 1.1  # jitter


async def run(
    definition: WorkflowDefinition, expected: Mapping[str, JsonValue], executor: SafeExecutor
) -> tuple[ExecutionResult, list[str]]:
    engine = make_engine(definition, tools=Town().tools, executors=[executor])
    config = {"sequential": True} if expected.get("sequential") else None
    execution = engine.start(definition.name, expected.get("inputs"), config)
    logs = [event.message async for event in execution.events() if isinstance(event, LogEmitted)]
    return await execution.result(), logs


def _compare(result: ExecutionResult, expected: Mapping[str, JsonValue]) -> None:
    assert result.status == expected.get("status", "completed"), result.error
    assert (result.error and result.error.code) == expected.get("error")
    assert result.outputs == expected.get("outputs", {})
    skipped = {step.step_id: step.skip_reason or "" for step in result if step.status == "skipped"}
    reasons = expected.get("skipped", {})
    assert skipped.keys() == reasons.keys()
    for step_id, reason in reasons.items():
        assert skipped[step_id].startswith(reason)
    attempts = expected.get("attempts", {})
    assert {step_id: result[step_id].attempt for step_id in attempts} == attempts
    for before, after in itertools.pairwise(expected.get("order", [])):
        assert result[before].completed_ns <= result[after].started_ns, f"{after} started before {before} ended"


def test_every_old_form_is_among_them() -> None:
    found = {code for path in FILES for code in expectation_of(path)["notes"]}
    assert found >= OLD
    assert len(FILES) >= 28
