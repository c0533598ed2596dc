"""2xx: dependencies."""

from __future__ import annotations

from typing import ClassVar

from ael.diagnostics import Severity
from ael.language.catalog.problem import Problem

__all__ = [
    "BlockReadsItself",
    "CircularDependency",
    "ConditionConstant",
    "DependencyRepeated",
    "DependencyUnknown",
    "EndlessRecursion",
    "JoinOfOne",
    "JoinUnreachable",
    "NeverRuns",
    "OutputMayBeMissing",
    "PoolHeld",
    "ReadsSkippable",
    "SelfDependency",
    "StepsMayCollide",
    "StepsUnordered",
    "WorkflowUnknown",
]


class DependencyUnknown(Problem, frozen=True):
    """``depends_on`` names ids of steps of the same block.

    A step of an enclosing block can be read; the block then waits for it. Steps inside another block cannot be
    named: what is outside sees only the block.
    """

    code = "AEL201"
    wording = "step {step!r} depends on {dependency!r}, which is {what}"
    advice = "{what_to_do}"
    step: str
    dependency: str
    what: str
    nearest: str | None
    what_to_do: str


class SelfDependency(Problem, frozen=True):
    """A step that waits for itself would never start. It does so by naming itself, or by reading its own output."""

    code = "AEL202"
    wording = "step {step!r} depends on itself"
    advice = "remove the dependency; an attempt cannot read the one before it"
    step: str


class BlockReadsItself(Problem, frozen=True):
    """A step reads the block it stands in. The block has an output only when all its steps have settled.

    Rounds of ``repeat`` read the one before as ``last``.
    """

    code = "AEL216"
    wording = "step {step!r} reads {block!r}, the block it stands in: neither could ever end"
    advice = "read the steps beside it; a round of `repeat` reads the one before as `last`"
    step: str
    block: str


class DependencyRepeated(Problem, frozen=True):
    """``depends_on`` names the same step twice; once is enough."""

    code = "AEL203"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "step {step!r} names {dependency!r} twice in `depends_on`"
    advice = "remove one"
    step: str
    dependency: str


class CircularDependency(Problem, frozen=True):
    """Steps wait for each other in a circle, so that none of them could ever start.

    A step waits for what it names in ``depends_on``, for every step it reads in a template or in code, and, with
    ``sequential: true``, for the step before it. The path is read from left to right: each step waits for the next.
    """

    code = "AEL204"
    wording = "these steps wait for each other: {path}"
    advice = "remove one of the dependencies on the path"
    path: str


class StepsUnordered(Problem, frozen=True):
    """Files written for Ploston ran strictly in file order; here only dependencies order steps.

    Two steps that neither wait for each other nor only read may run at the same time, or in any order. A file that
    relies on its order says ``sequential: true``.
    """

    code = "AEL205"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "nothing orders step {second!r} after step {first!r}, as file order did where this file comes from"
    advice = "add `sequential: true` to the workflow, or `depends_on: {dependency}` to the step"
    first: str
    second: str
    dependency: str


class ConditionConstant(Problem, frozen=True):
    """A condition that reads nothing decides nothing: it holds always, or never.

    Texts hold too, unless they are empty or one of ``false no 0 off``.
    """

    code = "AEL206"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "{what} {answer} holds"
    advice = "{what_to_do}"
    what: str
    answer: str
    what_to_do: str


class NeverRuns(Problem, frozen=True):
    """No execution can start the step, because of another step.

    A step that depends on one that is not taken is not taken either. What uses the output of one that never runs is
    skipped, unless it has a ``default`` for it. And nothing starts that waits for an ``exit``: either the workflow has
    ended by then, or the ``exit`` was not taken and what depends on it is skipped with it. A step that is to go on
    where a conditional ``exit`` was not taken says ``join: settled``.
    """

    code = "AEL207"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "{steps} can never run: {reason}"
    advice = "{what_to_do}"
    steps: str
    reason: str
    what_to_do: str


class ReadsSkippable(Problem, frozen=True):
    """A step that uses the output of a skipped step is skipped too. Often that is meant.

    Where it is not, ``steps.a.output | default(...)`` stands in, or a ``fallback`` of the step that may be skipped. A
    condition, ``is defined``, or naming the step in ``depends_on`` says that it is meant.
    """

    code = "AEL208"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "{readers} skipped whenever step {source!r} is"
    advice = "if that is not meant, write `{read} | default(...)`, or give step {source!r} a `fallback`"
    readers: str
    source: str
    read: str


class OutputMayBeMissing(Problem, frozen=True):
    """An output that uses the output of a skipped step is null, with a warning in the result.

    ``{{ steps.a.output | default(none) }}`` says that this is meant.
    """

    code = "AEL209"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "output {output!r} is null whenever step {source!r} is skipped"
    advice = "write `{read} | default(...)`, or give step {source!r} a `fallback`"
    output: str
    source: str
    read: str


class StepsMayCollide(Problem, frozen=True):
    """Two calls of one server (or of one tool) with the same target may run at the same time, and one of them writes.

    Only tools that say of themselves that they write count, and only calls whose common parameters are equal. Calls
    with conditions of their own are left out: they may exclude each other.
    """

    code = "AEL210"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "nothing orders step {second!r} after step {first!r}, and {tool!r} says that it writes{others}"
    advice = "if the order matters, add `depends_on: {dependency}` to the step"
    first: str
    second: str
    tool: str
    others: str
    dependency: str


class WorkflowUnknown(Problem, frozen=True):
    """``workflow`` names another workflow that is known where this one is loaded, or ``self``."""

    code = "AEL211"
    wording = "step {step!r} runs the workflow {workflow!r}, which is not known"
    advice = "the workflows are {workflows}"
    step: str
    workflow: str
    nearest: str | None
    workflows: str


class EndlessRecursion(Problem, frozen=True):
    """A workflow that runs itself needs something that may keep it from doing so, or it only ends at the depth limit.

    That is a ``when``, a ``choose`` or a ``for_each`` around it, or an ``exit``.
    """

    code = "AEL212"
    wording = "step {step!r} runs this workflow again, always: it can only end in DEPTH_EXCEEDED"
    advice = "give the step a `when`"
    step: str


class PoolHeld(Problem, frozen=True):
    """A step holds its places in ``limits`` while its body runs. A step inside that needs a place of the same pool
    waits for one that only the end of the block gives back.
    """

    code = "AEL213"
    wording = "step {step!r} needs a place in {pool!r}, which step {owner!r} around it holds: it could wait for ever"
    advice = "name the pool at one of the two"
    step: str
    pool: str
    owner: str


class JoinUnreachable(Problem, frozen=True):
    """``join`` counts steps that complete, and too few of those in ``depends_on`` can ever run."""

    code = "AEL214"
    severity: ClassVar[Severity] = Severity.WARNING
    wording = "the `join` of step {step!r} is never reached: {dead} can never run, and {needed} must complete"
    advice = "the step is always skipped; name other steps, or write `join: settled`"
    step: str
    dead: str
    needed: int


class JoinOfOne(Problem, frozen=True):
    """``join`` chooses among several steps, and ``depends_on`` names only one."""

    code = "AEL215"
    severity: ClassVar[Severity] = Severity.NOTE
    wording = "`join` of step {step!r} has nothing to choose: `depends_on` names one step"
    advice = "remove it"
    step: str
