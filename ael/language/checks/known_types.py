"""What is known of the data of a workflow before it runs: the types of inputs, of steps' outputs, of items.

Scopes nest as those of an execution do: a block's around the steps of the block, and around it that of the item or
round of the step which the block belongs to. Types are found when somebody asks, and once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ael.dataflow import Flow, StepFlow, is_composite
from ael.definition import (
    MISSING,
    BlockBody,
    ChooseBody,
    CodeBody,
    InputDefinition,
    Path,
    ToolBody,
    WorkflowDefinition,
)
from ael.language.checks.code_types import code_type
from ael.language.checks.fitting import Fitting
from ael.ports import ToolCatalog, ToolSpec
from ael.schema_types import (
    ANY,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    TEXT,
    ListType,
    ObjectType,
    Schema,
    Type,
    closed_object,
    members,
    of_value,
    union,
)
from ael.templates import Inferred, Names, Template, infer
from ael.types import JsonValue

__all__ = ["Knowledge", "Scope"]

_ERROR = union(NULL, closed_object({"code": TEXT, "message": TEXT}))
_TEXT_OR_NULL = union(TEXT, NULL)
_STEP = closed_object({"id": TEXT, "attempt": INTEGER, "idempotency_key": TEXT, "joined": ListType(TEXT)})
_WORKFLOW = ObjectType({"name": TEXT, "version": TEXT, "start_time": TEXT})
_DEEPEST = 40
_SECRETS = ObjectType({}, frozenset(), TEXT)


class Scope:
    """What can be read at one place; implements :class:`ael.templates.Roots`.

    Args:
        knowledge: Of the whole workflow.
        flow: The steps of this scope; ``None`` for an item or a round.
        outer: The scope around it.
        locals_: Name → its type, asked for when it is read.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        flow: Flow | None = None,
        outer: Scope | None = None,
        locals_: Mapping[str, Callable[[], Type]] | None = None,
    ) -> None:
        self._knowledge = knowledge
        self._flow = flow
        self._outer = outer
        self._locals = locals_ or {}

    @property
    def names(self) -> Names:
        """What templates of a block may name."""
        assert self._flow is not None
        return self._flow.names

    def root(self, name: str) -> Type:
        """Of any root but ``steps``."""
        local = self._locals.get(name)
        if local is not None:
            return local()
        return self._knowledge.root(name) if self._outer is None else self._outer.root(name)

    def step(self, step_id: str) -> Type:
        """Of ``steps.<id>``."""
        number = None if self._flow is None else self._flow.numbers.get(step_id)
        if self._flow is not None and number is not None:
            return self._knowledge.fields(self._flow.steps[number], self)
        return ANY if self._outer is None else self._outer.step(step_id)

    def inside(self, step: StepFlow, **more: Callable[[], Type]) -> Scope:
        """That of an item or a round of one of its steps; of a plain step its own."""
        if not is_composite(step.step) and not more:
            return self
        for_each = step.step.for_each
        locals_ = dict(more)
        if for_each is not None:
            locals_[for_each.name] = lambda: self._knowledge.item(step, self)
            locals_["index"] = lambda: INTEGER
        if step.step.repeat is not None:
            locals_.setdefault("last", lambda: ANY)
        return Scope(self._knowledge, None, self, locals_)


class Knowledge:
    """Of one workflow.

    Args:
        definition: The workflow.
        catalog: The tools there are; ``None``: nothing is known of any.
    """

    def __init__(self, definition: WorkflowDefinition, catalog: ToolCatalog | None) -> None:
        self._catalog = catalog
        self._depth = 0
        self._specs: dict[tuple[str, str | None], ToolSpec | None] = {}
        self._fittings: dict[int, Fitting] = {}
        self._fields: dict[int, Type] = {}
        self._bodies: dict[int, Type] = {}
        self._inferred: dict[int, Inferred] = {}
        self._roots: dict[str, Type] = {
            "inputs": closed_object({declared.name: self._input(declared) for declared in definition.inputs}),
            "execution_id": TEXT,
            "step": _STEP,
            "workflow": _WORKFLOW,
            "secrets": _SECRETS,
        }

    def root(self, name: str) -> Type:
        """Of a root that is the same everywhere."""
        return self._roots.get(name, ANY)

    def tool(self, body: ToolBody) -> ToolSpec | None:
        """The tool that a body calls, if it is known."""
        key = (body.tool, body.server)
        if key not in self._specs:
            found = None if self._catalog is None or not body.tool else self._catalog.lookup(*key)
            self._specs[key] = found if isinstance(found, ToolSpec) else None
        return self._specs[key]

    def fitting(self, schema: Schema) -> Fitting:
        """The schema, ready to hold values against; the object must live as long as this one."""
        found = self._fittings.get(id(schema))
        if found is None:
            found = self._fittings[id(schema)] = Fitting(schema)
        return found

    def infer(self, template: Template, names: Names, scope: Scope) -> Inferred:
        """What a template gives at its place."""
        found = self._inferred.get(id(template))
        if found is None:
            found = self._inferred[id(template)] = infer(template, names, scope)
        return found

    def value(self, value: JsonValue, path: Path, templates: Mapping[Path, Template], scope: Scope) -> Type:
        """The type of a value of a block, with templates in it by their paths."""
        match value:
            case str():
                template = templates.get(path)
                return of_value(value) if template is None else self.infer(template, scope.names, scope).type
            case Mapping():
                below = {key: self.value(item, (*path, key), templates, scope) for key, item in value.items()}
                return closed_object(below)
            case list() | tuple():
                items = [self.value(item, (*path, i), templates, scope) for i, item in enumerate(value)]
                return ListType(union(*items))
            case _:
                return of_value(value)

    # Steps

    def fields(self, flow: StepFlow, scope: Scope) -> Type:
        """``steps.<id>``: what can be read of a step."""
        return self._once(self._fields, flow, lambda: closed_object(self._fields_of(flow, scope)))

    def _once(self, known: dict[int, Type], flow: StepFlow, find: Callable[[], Type]) -> Type:
        """Found once. To itself, on a circle, a step is anything; and so is one at the end of a long chain."""
        found = known.get(id(flow))
        if found is None:
            known[id(flow)] = ANY
            if self._depth < _DEEPEST:
                self._depth += 1
                found = known[id(flow)] = find()
                self._depth -= 1
        return found or ANY

    def _fields_of(self, flow: StepFlow, scope: Scope) -> dict[str, Type]:
        fields: dict[str, Type] = {
            "output": self._output(flow, scope),
            "status": TEXT,
            "success": BOOLEAN,
            "error": _ERROR,
            "duration_ms": NUMBER,
            "attempt": INTEGER,
        }
        if flow.step.for_each is not None:
            output = union(self._round(flow, scope), NULL)
            item = {"key": _TEXT_OR_NULL, "status": TEXT, "output": output, "error": _ERROR}
            fields["items"] = ListType(closed_object(item))
        return fields

    def _output(self, flow: StepFlow, scope: Scope) -> Type:
        step = flow.step
        made = self._round(flow, scope)
        if step.for_each is not None:
            made = ListType(union(made, NULL) if step.for_each.tolerate else made)
        others: list[tuple[JsonValue, Path]] = [(step.fallback, ("fallback",))]
        others += [(rule.fallback, ("on_error", i, "fallback")) for i, rule in enumerate(step.error_rules)]
        known = [self.value(value, path, flow.templates, scope) for value, path in others if value is not MISSING]
        return union(made, *known)

    def _round(self, flow: StepFlow, scope: Scope) -> Type:
        """What one item gives."""
        made = self.body(flow, scope)
        return ListType(made) if flow.step.repeat is not None and flow.step.repeat.collect else made

    def body(self, flow: StepFlow, scope: Scope) -> Type:
        """What one attempt gives; ``scope`` is that of the step."""
        return self._once(self._bodies, flow, lambda: self._body(flow, scope))

    def _body(self, flow: StepFlow, scope: Scope) -> Type:
        match flow.step.body:
            case ToolBody() as body:
                spec = self.tool(body)
                return ANY if spec is None else self._result(spec)
            case CodeBody(code=code):
                return code_type(code)
            case BlockBody(output=output):
                given = [((*flow.step.path, "output"), output)]
            case ChooseBody(branches=branches):
                given = [((*branch.path, "output"), branch.output) for branch in branches]
            case _:
                return ANY
        inner = scope.inside(flow)
        made = [self._block(block, inner, *each) for block, each in zip(flow.blocks, given, strict=True)]
        return union(*made, NULL)

    def _block(self, flow: Flow, around: Scope, path: Path, output: JsonValue) -> Type:
        scope = Scope(self, flow, around)
        if output is not MISSING:
            return self.value(output, path, flow.outputs, scope)
        return self._output(flow.steps[-1], scope) if flow.steps else ANY

    def undone(self, flow: StepFlow, scope: Scope) -> Type:
        """What an ``undo`` takes back; of a loop that may be anything."""
        looped = flow.step.for_each is not None or flow.step.repeat is not None
        return ANY if looped else self.body(flow, scope)

    def item(self, flow: StepFlow, scope: Scope) -> Type:
        """What one item of a loop is; ``scope`` is that of the step."""
        found = [member.item for member in members(self.items(flow, scope)) if isinstance(member, ListType)]
        return union(*found) if found else ANY

    def items(self, flow: StepFlow, scope: Scope) -> Type:
        """What a loop goes over."""
        for_each = flow.step.for_each
        assert for_each is not None
        return self.value(for_each.items, for_each.path, flow.templates, scope)

    # Tools and inputs

    def _result(self, spec: ToolSpec) -> Type:
        """What a tool gives; servers wrap what is no object in ``{"result": x}``, which is taken off."""
        schema = spec.output_schema
        if schema is None:
            return ANY
        reader = self.fitting(schema).reader
        properties = schema.get("properties")
        if spec.server is None or not isinstance(properties, Mapping) or set(properties) != {"result"}:
            return reader.type_of(schema)
        return reader.type_of(properties["result"]) if "result" in schema.get("required", ()) else ANY

    def _input(self, declared: InputDefinition) -> Type:
        found = self.fitting(declared.schema).reader.type_of(declared.schema)
        nothing = declared.default is None or (declared.default is MISSING and not declared.required)
        return union(found, NULL) if nothing else found
