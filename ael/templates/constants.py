"""What a template always renders to, found at load: for conditions that decide nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from ael.definition import MISSING
from ael.errors import TemplateError
from ael.templates.limits import smaller_budget
from ael.templates.model import Template, TemplateKind
from ael.types import JsonValue, StepResult

__all__ = ["constant_of"]

_PASSES = 1_000
_WORK = 20_000_000


@attrs.frozen
class _Nothing:
    """The data of a template that reads none."""

    results: Sequence[StepResult | None] = ()
    up: None = None
    inputs: Mapping[str, JsonValue] = attrs.field(factory=dict)
    roots: Mapping[str, JsonValue] = attrs.field(factory=dict)


_NOTHING = _Nothing()


def constant_of(template: Template) -> JsonValue:
    """The value of a template that reads nothing; ``MISSING`` if it may vary, fails, or takes long to find out.

    Whether a condition always holds is ``is_true`` of it. The words of bare conditions (``when: "no"``) are
    constants too, as text.
    """
    if template.problems or template.references:
        return MISSING
    if template.kind is TemplateKind.CONSTANT:
        return template.text
    if "random" in template.text:  # the only filter whose value is another each time, under whatever name
        return MISSING
    with smaller_budget(passes=_PASSES, work=_WORK):
        try:
            return template.render(_NOTHING)
        except TemplateError:
            return MISSING
