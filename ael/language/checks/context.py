"""What every check gets: the definition, what its steps read, and where problems go."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ael.dataflow import Flow, StepFlow
from ael.definition import Body, Path, StepDefinition, WorkflowDefinition
from ael.graph import Waits, edges, settling_order
from ael.language.places import Placer, text_places
from ael.language.report import Report

__all__ = ["Context", "Scope", "bodies_of"]


@attrs.frozen(eq=False)
class Scope:
    """One block under check: the top level, the body of a step, one branch, or the ``finally`` steps.

    Attributes:
        owners: The steps around it, outermost first.
        waits: Who waits for whom.
        order: The numbers of its steps, each after all it waits for; those in or behind a cycle are missing.
    """

    flow: Flow
    owners: tuple[StepDefinition, ...]
    waits: Waits
    order: tuple[int, ...]

    @property
    def known_ids(self) -> tuple[str, ...]:
        """The ids of its steps that can be named: not those made up for steps whose own is missing or taken."""
        return tuple(step_id for step_id in self.flow.numbers if "#" not in step_id)

    def name(self, step: StepDefinition) -> str:
        """A step of it in messages: with the steps around it, ``pages.fetch``."""
        return ".".join((*(owner.id for owner in self.owners), step.id))


@attrs.frozen
class Context:
    """A definition under check; ``scopes`` are its blocks at every depth, each before those in it."""

    definition: WorkflowDefinition
    flow: Flow
    report: Report
    scopes: tuple[Scope, ...]
    _last_placer: list[tuple[Path, str, Placer | None]] = attrs.field(factory=list, repr=False)

    @classmethod
    def of(cls, definition: WorkflowDefinition, flow: Flow) -> Context:
        """With an empty report."""
        return cls(definition, flow, Report(definition.source, definition.spans), tuple(_scopes(flow, ())))

    @property
    def steps(self) -> Iterator[tuple[Scope, StepFlow]]:
        """Every step at every depth, with the block it stands in; ``finally`` steps last."""
        return ((scope, step_flow) for scope in self.scopes for step_flow in scope.flow.steps)

    def path(self, step: StepDefinition, *below: str | int) -> Path:
        """The path of something in a step; of a definition made in Python too, where it leads nowhere."""
        return (*step.path, *below)

    def placer(self, path: Path, text: str) -> Placer | None:
        """How to find places in the text of a scalar; one after another in the same scalar for one reading of it."""
        if not self._last_placer or self._last_placer[0][:2] != (path, text):
            place = text_places(self.definition.source, self.definition.spans.get(path), text)
            self._last_placer[:] = [(path, text, place)]
        return self._last_placer[0][2]


def _scopes(flow: Flow, owners: tuple[StepDefinition, ...]) -> Iterator[Scope]:
    waits = edges(flow)
    yield Scope(flow, owners, waits, settling_order(waits))
    for step_flow in flow.steps:
        for block in step_flow.blocks:
            yield from _scopes(block, (*owners, step_flow.step))
    if flow.ending is not None:
        yield from _scopes(flow.ending, ())


def bodies_of(step: StepDefinition) -> Iterator[tuple[Body, Path]]:
    """What a step does, and what takes it back, with where it stands below the step."""
    yield step.body, ()
    if step.undo is not None:
        yield step.undo.body, ("undo",)
