"""What every check gets: the definition, what its steps read, and where problems go."""

from __future__ import annotations

import attrs

from ael.dataflow import Flow
from ael.definition import Path, StepDefinition, WorkflowDefinition
from ael.language.places import Placer, text_places
from ael.language.report import Report

__all__ = ["Context"]


@attrs.frozen
class Context:
    """A definition under check."""

    definition: WorkflowDefinition
    flow: Flow
    report: Report

    @classmethod
    def of(cls, definition: WorkflowDefinition, flow: Flow) -> Context:
        """With an empty report."""
        return cls(definition, flow, Report(definition.source, definition.spans))

    @property
    def step_ids(self) -> tuple[str, ...]:
        """The ids that can be named: not those made up for steps whose own is missing or taken."""
        return tuple(step_id for step_id in self.flow.numbers if "#" not in step_id)

    def path(self, step: StepDefinition, *below: str | int) -> Path:
        """The path of something in a step; of a definition made in Python too, where it leads nowhere."""
        return (*step.path, *below)

    def placer(self, path: Path, text: str) -> Placer | None:
        """How to find places in the text of a scalar."""
        return text_places(self.definition.source, self.definition.spans.get(path), text)
