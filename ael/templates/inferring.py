"""The type of a template: of constants and plain paths here, of everything else by Jinja's syntax tree."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import attrs

from ael.schema_types import NEVER, TEXT, literal
from ael.templates.lookups import Inferred, Roots, interpolation_problem, read_chain, type_of_chain
from ael.templates.model import Names, Template, TemplateKind, TemplateProblem
from ael.templates.parsing import CLOSE, OPEN, has_marks
from ael.templates.paths import split_paths
from ael.templates.references import Chain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["infer"]

_NOTHING = Inferred()


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
    found = _of_one_path(template, roots)
    if found is not None:
        return found
    if has_marks(template.text):
        return _infer(template.text, names, roots)
    found = _infer(OPEN + template.text + CLOSE, names, roots)
    return attrs.evolve(found, problems=tuple(map(_moved, found.problems)))


def _of_one_path(template: Template, roots: Roots) -> Inferred | None:
    """The type of what is one path from a step or an input; ``None`` where its keys have to be looked at."""
    if template.kind is not TemplateKind.PATH:
        return None
    reference = template.references[0]
    if reference.name is None or reference.root not in {"steps", "inputs"}:
        return None
    type_ = type_of_chain(reference.root, (reference.name, *reference.path), roots)
    if type_ == NEVER:
        return None
    return Inferred(type_, (), template.text[reference.offset : reference.offset + reference.length])


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
