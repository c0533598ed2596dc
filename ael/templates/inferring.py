"""The type of a template: of constants and plain paths here, of everything else by Jinja's syntax tree."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import attrs

from ael.schema_types import NEVER, TEXT, Type, is_only, literal
from ael.templates.lookups import UNWRITTEN, Inferred, Roots, interpolation_problem, read_chain, type_of_chain
from ael.templates.model import Names, Template, TemplateKind, TemplateProblem
from ael.templates.parsing import CLOSE, OPEN, has_marks
from ael.templates.paths import split_paths
from ael.templates.references import Chain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["infer"]

_NOTHING = Inferred()
_TEXT = Inferred(TEXT)
_NAMED = frozenset({"steps", "inputs"})
"""The roots whose references keep their keys as they are."""


def infer(template: Template, names: Names, roots: Roots) -> Inferred:
    """What a template gives.

    Args:
        template: Any; one with problems may give anything.
        names: What it was parsed with.
        roots: What is known of what it reads.
    """
    if template.problems:
        return _NOTHING
    if template.kind is TemplateKind.CONSTANT:
        return Inferred(literal(template.text))
    found = _of_paths(template, roots)
    if found is not None:
        return found
    if has_marks(template.text):
        return _infer(template.text, names, roots)
    found = _infer(OPEN + template.text + CLOSE, names, roots)
    return attrs.evolve(found, problems=tuple(map(_moved, found.problems)))


def _of_paths(template: Template, roots: Roots) -> Inferred | None:
    """The type of paths from steps and inputs; ``None`` where there is more to say, and their keys are looked at."""
    whole = template.kind is TemplateKind.PATH
    if not whole and not template.is_text_of_paths:
        return None
    types: list[Type] = []
    for reference in template.references:
        if reference.name is None or reference.root not in _NAMED:
            return None
        found = type_of_chain(reference.root, (reference.name, *reference.path), roots)
        if found is NEVER:
            return None
        types.append(found)
    if whole:
        reference = template.references[0]
        return Inferred(types[0], (), template.text[reference.offset : reference.offset + reference.length])
    return None if any(is_only(found, *UNWRITTEN) for found in types) else _TEXT


def _moved(problem: TemplateProblem) -> TemplateProblem:
    """A problem of a condition in braces, as one of the condition without."""
    return attrs.evolve(problem, offset=max(problem.offset - len(OPEN), 0))


def _infer(text: str, names: Names, roots: Roots) -> Inferred:
    parts = split_paths(text, names)
    if parts is None:
        # Jinja takes 50 ms to import, and many workflows never need it.
        module = importlib.import_module("ael.templates.inference")
        read: Callable[[str, Names, Roots], Inferred] = module.infer_expressions
        return read(text, names, roots)
    chains = [part for part in parts if isinstance(part, Chain)]
    whole = len(chains) == 1 and not "".join(part for part in parts if isinstance(part, str)).strip()
    found = [read_chain(chain, roots) for chain in chains]
    problems = [problem for _, problem in found if problem is not None]
    if whole:
        chain = chains[0]
        return Inferred(found[0][0], tuple(problems), text[chain.start : chain.end])
    for chain, (type_, _) in zip(chains, found, strict=True):
        problem = interpolation_problem(type_, chain, (chain.start, chain.end - chain.start))
        if problem is not None:
            problems.append(problem)
    return Inferred(TEXT, tuple(sorted(problems, key=lambda problem: problem.offset)))
