"""The outputs of an execution, made from what its steps left."""

from __future__ import annotations

from collections.abc import Mapping

from ael.context import ExecutionContext
from ael.definition import WorkflowDefinition
from ael.errors import OutputInvalidError, TemplateError
from ael.plan import PlanOutput
from ael.schema_check import validator_for
from ael.templates import SkippedOutputError
from ael.types import JsonValue
from ael.values import copy_value

__all__ = ["make_outputs", "output_schema"]


def make_outputs(context: ExecutionContext) -> dict[str, JsonValue]:
    """Output name → value, in file order, the execution's own copies.

    The output of a skipped step, used without a default, is ``None`` and a warning.

    Raises:
        OutputInvalidError: A template failed, or a value does not fit its schema.
    """
    return {output.name: _make(output, context) for output in context.plan.outputs}


def _make(output: PlanOutput, context: ExecutionContext) -> JsonValue:
    try:
        value = output.build(context, None)
    except SkippedOutputError as skip:
        context.warnings.append(
            f"output {output.name!r} is null: step {skip.step_id!r} was skipped and has no output; "
            "`| default(…)` would say what to use instead"
        )
        return None
    except TemplateError as error:
        raise _located(output, context, f"output {output.name!r}: {error.message}") from error
    if output.definition.schema is not None:
        validator = validator_for(output.definition.schema)
        if not validator.accepts(value):
            problems = validator.problems(value)
            raise _located(output, context, f"output {output.name!r} does not fit its schema: {'; '.join(problems)}")
    return value


def _located(output: PlanOutput, context: ExecutionContext, message: str) -> OutputInvalidError:
    error = OutputInvalidError(message, details={"output": output.name})
    context.mask_error(error)
    definition = context.plan.definition
    span = definition.locate(output.definition.path)
    if definition.source is not None and span is not None:
        error.details.update(file=definition.source.name, line=span.value.line, column=span.value.column)
    return error


def output_schema(definition: WorkflowDefinition) -> dict[str, JsonValue] | None:
    """What the outputs are, as a JSON Schema object; ``None`` for a workflow without outputs."""
    if not definition.outputs:
        return None
    properties: dict[str, JsonValue] = {}
    for output in definition.outputs:
        schema: dict[str, JsonValue] = dict(copy_value(_plain(output.schema)))
        if output.description is not None:
            schema.setdefault("description", output.description)
        properties[output.name] = schema
    return {"type": "object", "properties": properties, "required": list(properties)}


def _plain(schema: Mapping[str, JsonValue] | None) -> dict[str, JsonValue]:
    return dict(schema or {})
