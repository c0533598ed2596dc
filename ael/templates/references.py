"""Chains of constant keys after a root, ``steps.log.output[0]``: what they refer to, and whether that exists."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import attrs

from ael.near import nearest
from ael.templates.model import Names, Reference, TemplateProblem
from ael.templates.reading import step_fields

__all__ = ["ROOTS", "Chain", "Key", "longest_id", "problems_of", "reference_of", "unknown_root"]

_FIXED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "workflow": ("name", "version", "start_time"),
    "step": ("id", "attempt", "idempotency_key", "joined"),
    "last": ("output", "status", "round"),
}
_ENDED_FIELDS = ("status", "error")
_ITEM_FIELDS = ("key", "status", "output", "error")
ROOTS = ("inputs", "steps", "config", "secrets", "workflow", "execution_id", "step")
_ADVICE = {
    "env": "the environment is not read; declare an input, or read `secrets.NAME`",
    "vars": "what `vars` of the execution's config holds is read as `config.NAME`",
    "outputs": "what a step gave is read as `steps.ID.output`",
    "loop": "in a `{% for %}` it is Jinja's; of `for_each`, `index` counts the items from 0",
}
"""What to write for roots of other languages that have no one counterpart."""
_ELSEWHERE = {
    "item": "inside a step with `for_each` it is the item; `when` and `fallback` are the whole step's and have none",
    "index": "inside a step with `for_each` it counts the items from 0; `when` and `fallback` are the whole step's",
    "last": "inside a step with `repeat` it is the round before; `when` and `fallback` are the whole step's",
    "output": "in `undo` it is the output to take back; elsewhere what a step gave is `steps.ID.output`",
}
"""Where the locals are known."""
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


def longest_id(run: str, declared: Collection[str]) -> str:
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
    advice = _ADVICE.get(name)
    suggestion = None if advice else _owner(name, names) or _FOREIGN_WORDS.get(name) or _item_name(name, names)
    if suggestion is None:
        advice = advice or _ELSEWHERE.get(name)
    if suggestion is None and advice is None:
        suggestion = nearest(name, (*ROOTS, *names.locals, *local))
    message = f"{name!r} is not known {'here' if name in _ELSEWHERE else 'in templates'}"
    return TemplateProblem("unknown_root", message, name, start, len(name), suggestion, advice)


def _item_name(name: str, names: Names) -> str | None:
    """What the item is called that is named by its usual name; ``None`` outside loops and where there are several."""
    items = [local for local in names.locals if local not in _ELSEWHERE]
    return items[0] if name == "item" and len(items) == 1 else None


def _owner(name: str, names: Names) -> str | None:
    """A step or an input that is named without where it is to be found."""
    for root, declared in (("steps", names.steps), ("inputs", names.inputs)):
        if name in declared:
            return f"{root}.{name}"
    return None


def problems_of(chain: Chain, names: Names) -> Iterator[TemplateProblem]:
    """What the chain names that does not exist."""
    if chain.root in names.locals:
        if chain.root == "last" and chain.keys:
            advice = "what the round gave is below `last.output`"
            yield from _field_problem(chain.keys[0], "last", _FIXED_FIELDS["last"], advice)
        return
    if chain.root == "secrets" and not chain.keys and not chain.computed:
        message = "`secrets` cannot be used whole; name one: `secrets.NAME`"
        yield TemplateProblem("unknown_field", message, "secrets", chain.start, chain.end - chain.start)
    if chain.keys:
        yield from _problems_of_keys(chain, names)


def _problems_of_keys(chain: Chain, names: Names) -> Iterator[TemplateProblem]:
    first = chain.keys[0]
    if chain.root == "inputs":
        if first.value not in names.inputs:
            yield _unknown("unknown_input", f"input {first.value!r} is not declared", first, names.inputs)
    elif chain.root == "steps":
        yield from _problems_of_step(first, chain.keys[1:], names)
    elif chain.root == "workflow":
        yield from _problems_of_workflow(first, names)
    elif chain.root == "step" and first.value in names.steps:
        message = f"`step` is this step; another one is read as `steps.{first.value}`"
        yield TemplateProblem("unknown_field", message, "step", chain.start, len("step"), "steps")
    elif chain.root in _FIXED_FIELDS:
        yield from _field_problem(first, chain.root, _FIXED_FIELDS[chain.root])


def _problems_of_workflow(field: Key, names: Names) -> Iterator[TemplateProblem]:
    if field.value in _ENDED_FIELDS and not names.ended:
        message = f"`workflow.{field.value}` is known only when the workflow has ended, in the steps of `finally`"
        yield _no_field(field, message, None)
    else:
        ended = _ENDED_FIELDS if names.ended else ()
        yield from _field_problem(field, "workflow", (*_FIXED_FIELDS["workflow"], *ended))


def _problems_of_step(first: Key, keys: tuple[Key, ...], names: Names) -> Iterator[TemplateProblem]:
    """Of a step's id and what follows."""
    owner, loop = f"steps.{first.value}", first.value in names.loops
    if first.value not in names.steps:
        yield _unknown("unknown_step", f"there is no step {first.value!r} that can be read here", first, names.steps)
    elif keys and keys[0].value != "items":
        advice = f"what the step gave is below `{owner}.output`"
        yield from _field_problem(keys[0], owner, step_fields(loop=loop), advice)
    elif keys and not loop:
        message = f"`{owner}` has no 'items': it is no `for_each`"
        yield _no_field(keys[0], message, f"`items` of what the step gave is `{owner}.output.items`")
    elif len(keys) > 2 and isinstance(keys[1].value, int):
        yield from _field_problem(keys[2], f"{owner}.items[{keys[1].value}]", _ITEM_FIELDS)


def _field_problem(
    key: Key, owner: str, fields: tuple[str, ...], advice: str | None = None
) -> Iterator[TemplateProblem]:
    if key.value not in fields:
        message = f"`{owner}` has no {key.value!r}; it has {', '.join(fields)}"
        yield attrs.evolve(_unknown("unknown_field", message, key, fields), advice=advice)


def _no_field(key: Key, message: str, advice: str | None) -> TemplateProblem:
    return TemplateProblem("unknown_field", message, str(key.value), key.start, key.end - key.start, None, advice)


def _unknown(kind: str, message: str, key: Key, known: object) -> TemplateProblem:
    name = str(key.value)
    foreign = _FOREIGN_FIELDS.get(name) if kind == "unknown_field" else None
    suggestion = foreign or nearest(name, known)  # type: ignore[arg-type]
    return TemplateProblem(kind, message, name, key.start, key.end - key.start, suggestion)
