"""Chains of constant keys after a root, ``steps.log.output[0]``: what they refer to, and whether that exists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from ael.templates.model import Names, Reference, TemplateProblem
from ael.templates.reading import STEP_FIELDS, nearest

__all__ = ["ROOTS", "Chain", "Key", "longest_id", "problems_of", "reference_of", "unknown_root"]

_FIXED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "workflow": ("name", "version", "start_time"),
    "step": ("id", "attempt", "idempotency_key", "joined"),
}
_LATER_FIELDS: Mapping[str, tuple[str, ...]] = {"steps": ("items",), "workflow": ("status", "error")}
ROOTS = ("inputs", "steps", "config", "secrets", "workflow", "execution_id", "step")
_ADVICE = {
    "env": "the environment is not read; declare an input, or read `secrets.NAME`",
    "vars": "what `vars` of the execution's config holds is read as `config.NAME`",
    "outputs": "what a step gave is read as `steps.ID.output`",
}
"""What to write for roots of other languages that have no one counterpart."""
_FOREIGN_WORDS = {
    **dict.fromkeys(("null", "nil", "undefined"), "none"),
    **dict.fromkeys(("context", "input", "params", "args"), "inputs"),
    **dict.fromkeys(("nodes", "tasks", "jobs"), "steps"),
}
_FOREIGN_FIELDS = {"result": "output", "return_value": "output"}


@attrs.frozen
class Key:
    """One constant key, and where it stands in the text, without its dot or brackets."""

    value: str | int
    start: int
    end: int


@attrs.frozen
class Chain:
    """A root and the constant keys after it.

    Attributes:
        computed: Whether the chain goes on with something not constant.
    """

    root: str
    start: int
    end: int
    keys: tuple[Key, ...] = ()
    computed: bool = False


def reference_of(chain: Chain) -> Reference:
    """The chain as others see it."""
    name = str(chain.keys[0].value) if chain.keys else None
    path = tuple(key.value for key in chain.keys[1:])
    return Reference(chain.root, name, path, chain.start, chain.end - chain.start)


def longest_id(run: str, declared: Mapping[str, object] | frozenset[str]) -> str:
    """The id at the start of ``run``, which is letters, digits, ``_`` and ``-``.

    The longest declared one wins; with none, the whole run if it looks like a misspelt id with ``-`` in it.
    """
    ends = [i for i in range(len(run), 0, -1) if i == len(run) or run[i] == "-" or run[i - 1] == "-"]
    for end in ends:
        if run[:end] in declared:
            return run[:end]
    dashed = [name for name in declared if "-" in name]
    return run if nearest(run, dashed) else run.split("-", 1)[0]


def unknown_root(name: str, start: int, names: Names, local: frozenset[str] = frozenset()) -> TemplateProblem:
    """The problem that ``name`` is nothing a template knows."""
    known = (*ROOTS, *names.locals, *local)
    advice = _ADVICE.get(name)
    suggestion = None if advice else _owner(name, names) or _FOREIGN_WORDS.get(name) or nearest(name, known)
    message = f"{name!r} is not known in templates"
    return TemplateProblem("unknown_root", message, name, start, len(name), suggestion, advice)


def _owner(name: str, names: Names) -> str | None:
    """A step or an input that is named without where it is to be found."""
    for root, declared in (("steps", names.steps), ("inputs", names.inputs)):
        if name in declared:
            return f"{root}.{name}"
    return None


def problems_of(chain: Chain, names: Names) -> Iterator[TemplateProblem]:
    """What the chain names that does not exist."""
    if chain.root in names.locals:
        return
    if chain.root == "secrets" and not chain.keys and not chain.computed:
        message = "`secrets` cannot be used whole; name one: `secrets.NAME`"
        yield TemplateProblem("unknown_field", message, "secrets", chain.start, chain.end - chain.start)
    if chain.keys:
        yield from _problems_of_keys(chain, names)


def _problems_of_keys(chain: Chain, names: Names) -> Iterator[TemplateProblem]:
    first = chain.keys[0]
    if chain.root == "inputs" and first.value not in names.inputs:
        yield _unknown("unknown_input", f"input {first.value!r} is not declared", first, names.inputs)
    elif chain.root == "steps" and first.value not in names.steps:
        yield _unknown("unknown_step", f"there is no step {first.value!r} that can be read here", first, names.steps)
    elif chain.root == "steps" and len(chain.keys) > 1:
        yield from _field_problem(chain.keys[1], "steps", f"steps.{first.value}", STEP_FIELDS)
    elif chain.root == "step" and first.value in names.steps:
        message = f"`step` is this step; another one is read as `steps.{first.value}`"
        yield TemplateProblem("unknown_field", message, "step", chain.start, len("step"), "steps")
    elif chain.root in _FIXED_FIELDS:
        yield from _field_problem(first, chain.root, chain.root, _FIXED_FIELDS[chain.root])


def _field_problem(key: Key, root: str, owner: str, fields: tuple[str, ...]) -> Iterator[TemplateProblem]:
    if key.value in fields:
        return
    if key.value in _LATER_FIELDS.get(root, ()):
        message = f"`{owner}.{key.value}` is not supported yet"
        yield TemplateProblem("not_supported", message, str(key.value), key.start, key.end - key.start)
    else:
        message = f"`{owner}` has no {key.value!r}; it has {', '.join(fields)}"
        advice = f"what the step gave is below `{owner}.output`" if root == "steps" else None
        yield attrs.evolve(_unknown("unknown_field", message, key, fields), advice=advice)


def _unknown(kind: str, message: str, key: Key, known: object) -> TemplateProblem:
    name = str(key.value)
    foreign = _FOREIGN_FIELDS.get(name) if kind == "unknown_field" else None
    suggestion = foreign or nearest(name, known)  # type: ignore[arg-type]
    return TemplateProblem(kind, message, name, key.start, key.end - key.start, suggestion)
