"""What a template is to everybody else: its kind, what it reads, what is wrong with it, and how it renders."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

import attrs

from ael.types import JsonValue, StepResult

__all__ = [
    "Data",
    "Getter",
    "Names",
    "Reference",
    "Render",
    "SkippedOutputError",
    "StepView",
    "Template",
    "TemplateKind",
    "TemplateProblem",
    "is_true",
]

_FALSE_TEXTS = frozenset({"", "false", "no", "0", "off"})


class TemplateKind(enum.StrEnum):
    """What rendering costs: nothing, a lookup, or a run of compiled code."""

    CONSTANT = "constant"
    PATH = "path"
    EXPRESSION = "expression"


@attrs.frozen
class Names:
    """What a template may name, at its place.

    Attributes:
        steps: Step id → (depth, index): depth 0 is ``Data.results[index]``, depth 1 ``Data.up.results[index]``.
        inputs: The declared inputs.
        locals: Further roots, found in ``Data.roots``: ``item``, ``index``, ``last`` of enclosing loops, ``output``.
        ended: Whether the workflow has ended here, so that ``workflow`` has ``status`` and ``error``.
        loops: Ids of the steps that have ``items``: those with ``for_each``.
    """

    steps: Mapping[str, tuple[int, int]]
    inputs: Collection[str]
    locals: Collection[str] = ()
    ended: bool = False
    loops: Collection[str] = ()


@attrs.frozen
class Reference:
    """One place where something is read.

    Attributes:
        root: ``steps``, ``inputs``, ``config``, ``secrets``, ``workflow``, ``execution_id``, ``step``, or a local.
        name: The first key after the root: the step id, input or secret; ``None`` if there is none, or it is computed.
        path: The keys after that, as far as they are constant: ``("output", "items", 0)``.
        offset, length: Where the root and these keys stand in the template's text, in characters.
    """

    root: str
    name: str | None
    path: tuple[str | int, ...]
    offset: int
    length: int


@attrs.frozen
class TemplateProblem:
    """Something wrong that was found while parsing; the catalog words it.

    Attributes:
        kind: ``syntax``, ``unknown_root``, ``unknown_step``, ``unknown_input``, ``unknown_field``,
            ``unknown_filter``, ``unknown_test``, ``unknown_function``, ``filter_arguments``, ``too_large``,
            or ``mixed_condition``.
        message: One sentence.
        advice: What to do about it, where that is known better than by its kind.
        name: What is unknown or wrong; a fix replaces exactly ``offset`` to ``offset + length`` by ``suggestion``.
    """

    kind: str
    message: str
    name: str | None
    offset: int
    length: int
    suggestion: str | None = None
    advice: str | None = None


class Data(Protocol):
    """One scope's view of an execution.

    Attributes:
        results: By step number; ``None`` for a step that has not settled.
        up: The enclosing scope's, or ``None``.
        roots: ``config``, ``workflow``, ``execution_id``, ``secrets`` (its ``__getitem__`` raises ``KeyError``
            whose argument says what to do), and locals; ``last`` is ``None`` before the first round.
    """

    @property
    def results(self) -> Sequence[StepResult | None]: ...  # noqa: D102 - all described above
    @property
    def up(self) -> Data | None: ...  # noqa: D102
    @property
    def inputs(self) -> Mapping[str, JsonValue]: ...  # noqa: D102
    @property
    def roots(self) -> Mapping[str, JsonValue]: ...  # noqa: D102


@attrs.define
class StepView:
    """What ``step`` shows of the attempt that a template is rendered for."""

    id: str
    attempt: int
    idempotency_key: str
    joined: tuple[str, ...] = ()


class SkippedOutputError(Exception):
    """The unusable output of a skipped or cancelled step was really used: whoever renders is skipped too.

    ``step_id`` is the step whose output it was.
    """

    def __init__(self, step_id: str) -> None:
        super().__init__(f"the output of step {step_id!r} was used, which was skipped")
        self.step_id = step_id


Getter: TypeAlias = Callable[[Data], JsonValue]
Render: TypeAlias = Callable[[Data, StepView | None], JsonValue]


class Template:
    """A parsed template; immutable, shared by all executions.

    Attributes:
        text: As written.
        references: Everything it reads, in order of appearance.
        problems: What is wrong with it; a template with problems cannot be rendered.
        reads_any_step: Whether it indexes ``steps`` by something not constant, or passes it on whole.
        getter: Of a plain path: a closure of about 0.2 µs that does what ``render`` does; else ``None``.
        is_text_of_paths: Whether it is text around plain paths, and so makes text of ``references`` and nothing else.
    """

    __slots__ = ("_render", "getter", "is_text_of_paths", "kind", "problems", "reads_any_step", "references", "text")

    def __init__(
        self,
        text: str,
        kind: TemplateKind,
        render: Render,
        *,
        references: tuple[Reference, ...] = (),
        problems: tuple[TemplateProblem, ...] = (),
        getter: Getter | None = None,
        is_text_of_paths: bool = False,
    ) -> None:
        self.text = text
        self.kind = kind
        self.references = references
        self.problems = problems
        self.reads_any_step = any(reference.root == "steps" and reference.name is None for reference in references)
        self.getter = getter
        self.is_text_of_paths = is_text_of_paths
        self._render = render

    def __repr__(self) -> str:
        return f"<Template {self.kind} {self.text!r}>"

    def render(self, data: Data, step: StepView | None = None) -> JsonValue:
        """The value, natively typed if the text is exactly one ``{{ expression }}``, else text.

        Raises:
            TemplateError: Something is missing, fails, or grows beyond the limits.
            SkippedOutputError: The output of a skipped step without fallback was used.
        """
        return self._render(data, step) if self.getter is None else self.getter(data)


def is_true(value: JsonValue) -> bool:
    """Whether a condition holds: all but ``false``, null, 0, what is empty, and the texts ``false no 0 off``."""
    if isinstance(value, str):
        return value.strip().lower() not in _FALSE_TEXTS
    return bool(value)
