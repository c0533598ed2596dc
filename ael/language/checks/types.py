"""4xx: does what is given fit, and do templates read what is there? As far as types are known; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

import attrs

from ael.dataflow import Flow, StepFlow
from ael.definition import MISSING, SELF, InputDefinition, Path, ToolBody, WorkflowBody
from ael.language.catalog import types
from ael.language.catalog.templates import TemplateProblemKind
from ael.language.checks.context import Context
from ael.language.checks.fitting import Misfit
from ael.language.checks.in_template import report_in_template
from ael.language.checks.known_types import Knowledge, Scope
from ael.language.checks.misfits import report_output, report_param
from ael.ports import ToolCatalog
from ael.schema_types import INTEGER, NULL, TEXT, Kind, closed_object, is_only, kinds_of, one_of, union, words
from ael.templates import Inferred, Names, Template, TemplateProblem
from ael.templates.references import ROOTS
from ael.types import JsonValue

__all__ = ["check_types"]

_KINDS: Mapping[str, type[TemplateProblemKind]] = {
    "missing_key": types.KeyMissing,
    "no_keys": types.KeylessValue,
    "operator": types.OperatorTypes,
    "filter": types.FilterType,
    "no_list": types.NoList,
    "json_in_text": types.JsonInText,
    "null_in_text": types.NullInText,
}
_OUTER = frozenset({"when", "fallback", "on_error", "exit"})
"""Where the templates of a step stand that do not see the item or the round."""

_Known: TypeAlias = Callable[[Path], Inferred | None]


def check_types(context: Context, catalog: ToolCatalog | None) -> None:
    """Every template, every call and every output with a schema; without a catalog nothing is known of tools."""
    knowledge = Knowledge(context.definition, catalog)
    _Check(context, knowledge).check(context.flow, Scope(knowledge, context.flow))


class _Check:
    """The check of one workflow."""

    def __init__(self, context: Context, knowledge: Knowledge) -> None:
        self._context = context
        self._report = context.report
        self._knowledge = knowledge
        self._guards: list[Template] = []  # conditions around, in whose light what is read may be another

    def check(self, flow: Flow, scope: Scope) -> None:
        """The whole workflow."""
        self._check_block(flow, scope)
        for output in self._context.definition.outputs:
            if output.schema is not None:
                known = _below(flow.outputs, output.path, flow.names, self._knowledge, scope)
                for misfit in self._knowledge.fitting(output.schema).misfits(output.value, known):
                    report_output(misfit, output.value, output.name, output.path, self._report)
        if flow.ending is not None:
            self._check_block(flow.ending, Scope(self._knowledge, flow.ending, scope))

    def _check_block(self, flow: Flow, scope: Scope) -> None:
        for step in flow.steps:
            self._check_step(step, scope)
        for path, template in flow.outputs.items():
            self._check_template(template, path, flow.names, scope)

    def _check_step(self, flow: StepFlow, scope: Scope) -> None:
        inner = scope.inside(flow)
        when = flow.templates.get(("when",))
        if when is not None:
            self._check_template(when, (*flow.step.path, "when"), *self._place(flow, ("when",), scope, inner))
        with self._guarded_by(when):
            for path, template in flow.templates.items():
                if path != ("when",):
                    self._check_template(template, (*flow.step.path, *path), *self._place(flow, path, scope, inner))
            if flow.step.for_each is not None:
                self._check_items(flow, scope)
            self._check_calls(flow, scope, inner)
            for index, block in enumerate(flow.blocks):
                with self._guarded_by(flow.templates.get(("choose", index, "when"))):
                    self._check_block(block, Scope(self._knowledge, block, inner))

    @contextmanager
    def _guarded_by(self, condition: Template | None) -> Iterator[None]:
        """What is read inside only when the condition holds."""
        if condition is None:
            yield
            return
        self._guards.append(condition)
        yield
        self._guards.pop()

    def _may_be_otherwise(self, template: Template, problem: TemplateProblem) -> bool:
        """Whether a condition around asks of what is read there: it may have ruled out what looks wrong."""
        there = [each for each in template.references if each.offset <= problem.offset < each.offset + each.length]
        read = {(each.root, each.name) for each in there or template.references}
        roots = {root for root, _ in read if root not in ROOTS}
        return any(
            (each.root, each.name) in read or each.root in roots for guard in self._guards for each in guard.references
        )

    def _place(self, flow: StepFlow, path: Path, scope: Scope, inner: Scope) -> tuple[Names, Scope]:
        """What a template of a step may name, and what is known of it."""
        for_each = flow.step.for_each
        if path[0] in _OUTER or (for_each is not None and path[: len(for_each.path)] == for_each.path):
            return scope.names, scope
        if path == ("repeat", "until"):
            last = {"output": union(self._knowledge.body(flow, scope), NULL), "status": TEXT, "round": INTEGER}
            return flow.inner, scope.inside(flow, last=lambda: closed_object(last))
        if path[0] == "undo":
            names = attrs.evolve(flow.inner, locals=frozenset({*flow.inner.locals, "output"}))
            return names, scope.inside(flow, output=lambda: self._knowledge.undone(flow, scope))
        return flow.inner, inner

    # Templates

    def _check_template(self, template: Template, path: Path, names: Names, scope: Scope) -> None:
        problems = self._knowledge.infer(template, names, scope).problems
        for problem in problems:
            if self._guards and self._may_be_otherwise(template, problem):
                continue
            value = _KINDS[problem.kind](problem.message, problem.suggestion, problem.advice)
            report_in_template(value, problem, template, path, self._context)

    def _check_items(self, flow: StepFlow, scope: Scope) -> None:
        assert flow.step.for_each is not None
        template = flow.templates.get(flow.step.for_each.path)
        kinds = kinds_of(self._knowledge.items(flow, scope))
        if template is not None and kinds and Kind.LIST not in kinds:
            found = self._knowledge.infer(template, scope.names, scope)
            at = _no_list(template, found)
            path = (*flow.step.path, *flow.step.for_each.path)
            report_in_template(types.NoList(at.message, None, at.advice), at, template, path, self._context)

    # Calls

    def _check_calls(self, flow: StepFlow, scope: Scope, inner: Scope) -> None:
        known = _below(flow.templates, ("params",), flow.inner, self._knowledge, inner)
        body = flow.step.body
        if isinstance(body, ToolBody):
            self._check_tool(flow, body, (), known)
        elif isinstance(body, WorkflowBody):
            self._check_workflow(flow, body, known)
        if flow.step.undo is not None and isinstance(flow.step.undo.body, ToolBody):
            names, place = self._place(flow, ("undo",), scope, inner)
            known = _below(flow.templates, ("undo", "params"), names, self._knowledge, place)
            self._check_tool(flow, flow.step.undo.body, ("undo",), known)

    def _check_tool(self, flow: StepFlow, body: ToolBody, below: Path, known: _Known) -> None:
        spec = self._knowledge.tool(body)
        if spec is None:
            return
        at = (*flow.step.path, *below, "params")
        for misfit in self._knowledge.fitting(spec.input_schema).misfits(body.params, known):
            report_param(misfit, body.params, flow.step.id, f"tool {spec.full_name!r}", at, self._report)

    def _check_workflow(self, flow: StepFlow, body: WorkflowBody, known: _Known) -> None:
        """Of this workflow itself the inputs are known."""
        definition = self._context.definition
        if body.workflow not in {SELF, definition.name}:
            return
        inputs = {declared.name: declared for declared in definition.inputs}
        misfits = [Misfit("unknown", (name,), name, known=tuple(inputs)) for name in body.params if name not in inputs]
        for declared in definition.inputs:
            misfits += self._input_misfits(declared, body.params, known)
        at = (*flow.step.path, "params")
        for misfit in misfits:
            report_param(misfit, body.params, flow.step.id, f"workflow {definition.name!r}", at, self._report)

    def _input_misfits(
        self, declared: InputDefinition, params: Mapping[str, JsonValue], known: _Known
    ) -> Iterator[Misfit]:
        name, schema = declared.name, declared.schema
        fitting = self._knowledge.fitting(schema)
        if name not in params:
            if declared.required:
                expected = one_of(fitting.reader.type_of(schema))
                yield Misfit("missing", (), name, expected, declared.description or "")
        elif params[name] is not None or declared.required or declared.default is not MISSING:
            for misfit in fitting.misfits(params[name], lambda path: known((name, *path))):
                yield attrs.evolve(misfit, path=(name, *misfit.path))


def _no_list(template: Template, items: Inferred) -> TemplateProblem:
    """The problem that a loop goes over something else than a list, at the path if it is one."""
    source = items.source
    start, length = max(template.text.find(source), 0), len(source) or len(template.text)
    message = f"`for_each` goes through a list, and {f'`{source}`' if source else 'this'} is {words(items.type)}"
    is_object = is_only(items.type, Kind.OBJECT)
    suggestion = f"{source} | values" if is_object and source else None
    advice = "`| values` makes a list of an object" if is_object else None
    return TemplateProblem("no_list", message, None, start, length, suggestion, advice)


def _below(templates: Mapping[Path, Template], above: Path, names: Names, knowledge: Knowledge, scope: Scope) -> _Known:
    """What is known of the templates below a path, by the rest of their paths."""

    def known(path: Path) -> Inferred | None:
        template = templates.get((*above, *path))
        return None if template is None else knowledge.infer(template, names, scope)

    return known
