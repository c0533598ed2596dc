"""What is in the picture of a workflow, whatever it is drawn with: boxes, groups of boxes in them, arrows."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ael.dataflow import Flow, StepFlow
from ael.definition import ChooseBody, Defaults, WorkflowDefinition
from ael.graph import edges
from ael.language.drawing.terms import Term, one_line, terms_of, what_it_does

__all__ = ["Box", "Group", "Picture", "draw"]


@attrs.frozen
class Box:
    """One step.

    Attributes:
        path: Its id below those of the steps around it; in a branch of ``choose``, with the branch's number from 1.
        does: What it calls or is: ``git.git_log``, ``code``, ``block``, ``exit failed``.
        terms: Under which it runs, how often, and what follows from its failure.
        after: The boxes that it waits for, by their numbers in the group they share with it.
        loose: Whether it need not wait for all of them: it has a ``join``.
        groups: The steps in it: of a block one group, of ``choose`` one per branch.
    """

    path: str
    id: str
    does: str
    terms: tuple[Term, ...] = ()
    after: tuple[int, ...] = ()
    loose: bool = False
    groups: tuple[Group, ...] = ()

    @property
    def is_exit(self) -> bool:
        """Whether the workflow ends here."""
        return self.does.startswith("exit ")

    @property
    def is_conditional(self) -> bool:
        """Whether there is a condition without which the step is not taken."""
        return any(term.kind == "when" for term in self.terms)


@attrs.frozen
class Group:
    """Steps that belong together. ``title`` is a branch's condition, empty for the steps of a block."""

    path: str
    title: str
    boxes: tuple[Box, ...]


@attrs.frozen
class Picture:
    """A whole workflow; ``ending`` are its ``finally`` steps, ``facts`` what else holds for all of it."""

    name: str
    version: str
    description: str
    inputs: tuple[str, ...]
    boxes: tuple[Box, ...]
    ending: tuple[Box, ...]
    outputs: tuple[str, ...]
    facts: tuple[str, ...] = ()


def draw(definition: WorkflowDefinition, flow: Flow) -> Picture:
    """The picture of a definition that has no errors; ``flow`` is what its steps read."""
    facts = (
        ("sequential", definition.sequential),
        ("undone when it fails", definition.undo_on_failure),
    )
    ending = () if flow.ending is None else _boxes(flow.ending, "finally:", definition.defaults)
    return Picture(
        name=definition.name,
        version=definition.version,
        description=one_line(definition.description or ""),
        inputs=tuple(declared.name for declared in definition.inputs),
        boxes=_boxes(flow, "", definition.defaults),
        ending=ending,
        outputs=tuple(output.name for output in definition.outputs),
        facts=tuple(fact for fact, holds in facts if holds),
    )


def _boxes(flow: Flow, prefix: str, defaults: Defaults) -> tuple[Box, ...]:
    """The boxes of one block, in the order of the file."""
    pairs = zip(flow.steps, edges(flow), strict=True)
    return tuple(_box(step, prefix, waits, defaults) for step, waits in pairs)


def _box(found: StepFlow, prefix: str, after: tuple[int, ...], defaults: Defaults) -> Box:
    step = found.step
    path = f"{prefix}{step.id}"
    return Box(
        path=path,
        id=step.id,
        does=one_line(what_it_does(step.body)),
        terms=tuple(terms_of(step, defaults)),
        after=after,
        loose=step.join is not None,
        groups=tuple(_groups(found, path, defaults)),
    )


def _groups(found: StepFlow, path: str, defaults: Defaults) -> Iterator[Group]:
    body = found.step.body
    if not isinstance(body, ChooseBody):
        yield from (Group(path, "", _boxes(block, f"{path}.", defaults)) for block in found.blocks)
        return
    for number, (branch, block) in enumerate(zip(body.branches, found.blocks, strict=True), 1):
        title = "otherwise" if branch.when is None else f"when {one_line(branch.when)}"
        here = f"{path}({number})"
        yield Group(here, title, _boxes(block, f"{here}.", defaults))
