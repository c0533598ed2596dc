"""1xx, further: loops, branches, joins, rules, pools, undo and ``finally`` that cannot mean what they say."""

from __future__ import annotations

from ael.diagnostics import Severity
from ael.language.catalog.problem import Problem

__all__ = [
    "BranchUnreachable",
    "ExitInFinally",
    "IdTakenAround",
    "ItemKeyConstant",
    "ItemNameInvalid",
    "ItemNameTaken",
    "JoinAlone",
    "JoinUnreachable",
    "PoolUndeclared",
    "RateInvalid",
    "RuleUnreachable",
    "ToleranceInvalid",
    "UndoInFinally",
    "UndoUnused",
]


class ItemNameInvalid(Problem, frozen=True):
    """Templates and code use an item's name as it is, so it has letters, digits and ``_`` only, no digit first.

    A ``-`` would be a minus there.
    """

    code = "AEL127"
    wording = "{what} cannot be {name!r}"
    advice = "use letters, digits and '_', with a letter or '_' first"
    what: str
    name: str


class ItemNameTaken(Problem, frozen=True):
    """What ``as`` calls an item is a name of its own.

    It can neither be a name that templates and code have already (``steps``, ``index``, ``and`` …) nor the item of a
    loop around it: the outer item could not be read any more. Without ``as`` an item is called ``item``.
    """

    code = "AEL128"
    wording = "{what} cannot be {name!r}: {reason}"
    advice = "choose another name with `as`"
    what: str
    name: str
    reason: str


class ItemKeyConstant(Problem, frozen=True):
    """``key`` is a template that gives each item a key of its own; text without a template is the same for all.

    Items with the same key fail the step when it runs.
    """

    code = "AEL129"
    severity = Severity.WARNING
    wording = "{what} has no template, so that all items get the key {key!r}"
    advice = "write an expression in braces, quoted"
    what: str
    key: str


class ToleranceInvalid(Problem, frozen=True):
    """``tolerate`` is how many items may fail: a whole number, or a percentage of all, from 0 to 100."""

    code = "AEL130"
    wording = "{what} must be a number of items or a percentage, not {got}"
    advice = "write `3` or `20%`"
    what: str
    got: str


class JoinAlone(Problem, frozen=True):
    """``join`` counts the steps that ``depends_on`` names; steps that are only read are awaited anyway."""

    code = "AEL131"
    wording = "`join` of {where} has nothing to count: the step has no `depends_on`"
    advice = "name the steps in `depends_on`, or remove `join`"
    where: str


class JoinUnreachable(Problem, frozen=True):
    """A join cannot ask for more steps than ``depends_on`` names; a step that is named twice counts once."""

    code = "AEL132"
    wording = "{what} is {asked}, but `depends_on` names only {named}"
    advice = "ask for at most {named}, or name more steps"
    what: str
    asked: int
    named: int


class RuleUnreachable(Problem, frozen=True):
    """Of the rules of ``on_error`` the first that matches counts, so that a rule behind it can be useless.

    A rule without ``match`` matches every error.
    """

    code = "AEL133"
    wording = "{what} is never used, because {reason}"
    advice = "move it up, or remove it"
    what: str
    reason: str


class BranchUnreachable(Problem, frozen=True):
    """Of the branches of ``choose`` the first that holds is taken, and one without ``when`` always holds.

    So only the last branch can do without ``when``.
    """

    code = "AEL134"
    wording = "{what} is never taken, because {earlier} has no `when` and always holds"
    advice = "give that one a `when`, or move it to the end"
    what: str
    earlier: str


class PoolUndeclared(Problem, frozen=True):
    """``limits`` of a step names pools, which the file's own ``limits`` or ``ael.toml`` declare.

    A pool that neither declares bounds nothing. In the file, an entry without bounds is enough for a pool that
    ``ael.toml`` declares.
    """

    code = "AEL135"
    severity = Severity.WARNING
    wording = "{where} names the pool {pool!r}, which the workflow does not declare"
    advice = "add `{pool}: {{concurrency: 4}}` to `limits` of the workflow, or `{pool}: {{}}` if ael.toml declares it"
    where: str
    pool: str
    nearest: str | None = None


class RateInvalid(Problem, frozen=True):
    """A rate is a number per unit, ``60/m``: at most so many starts in any window of that unit.

    The units are those of durations: ``d h m s ms``.
    """

    code = "AEL136"
    wording = "{what} must be a rate, not {got}"
    advice = "write how many per unit, such as `60/m`; units are d, h, m, s and ms"
    what: str
    got: str


class ExitInFinally(Problem, frozen=True):
    """The steps of ``finally`` run when the workflow has ended already; none of them can end it another way."""

    code = "AEL137"
    wording = "{where} cannot `exit`: when `finally` runs, the workflow has ended"
    advice = "move it to `steps`, or remove it"
    where: str


class UndoUnused(Problem, frozen=True):
    """A step's ``undo`` runs when the workflow fails and says ``on_failure: undo``. This one does not say it."""

    code = "AEL138"
    severity = Severity.NOTE
    wording = "the `undo` of {where} never runs, because the workflow has no `on_failure: undo`"
    advice = "add `on_failure: undo` to the workflow"
    where: str


class UndoInFinally(Problem, frozen=True):
    """What has to be undone is undone before ``finally`` runs; what ``finally`` does stays."""

    code = "AEL139"
    severity = Severity.WARNING
    wording = "the `undo` of {where} never runs: steps of `finally` are not undone"
    advice = "remove it"
    where: str


class IdTakenAround(Problem, frozen=True):
    """A step in a block sees the steps around it, so its id is not that of a block it stands in.

    Else ``steps.<id>`` could be either. Steps of different blocks may share an id.
    """

    code = "AEL140"
    wording = "{step!r} cannot be the id of a step inside the block {step!r}"
    advice = "rename one of them"
    step: str
