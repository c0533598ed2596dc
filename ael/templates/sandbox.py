"""The Jinja environment that templates run in: what they can reach is listed, everything else is not there.

Values are data: they have keys and the methods of ``operations``, and no Python attribute is ever read
from one. The compiler is told to send through the environment every operation that could reach further
or build much: lookups, calls, comparisons, concatenation, output. Nothing is folded while compiling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import partial

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext, Macro, exported
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import Namespace

from ael.near import nearest
from ael.templates.filters import GroupPair, make_filters, make_tests
from ael.templates.limits import MAX_ELEMENTS, check_length, count_pass, spend, weigh, write_text
from ael.templates.missing import Missing, SecretsView, StepFields, missing_key
from ael.templates.operations import OPERATORS, ValueFormatter, find_method, join_text, method_names
from ael.templates.reading import Unread, key_text, to_text, type_word
from ael.types import JsonValue

__all__ = ["FUNCTIONS", "LOOP_OVER", "UNLESS_NULL", "SandboxEnvironment"]

LOOP_OVER = "loop_over"
UNLESS_NULL = "unless_null"
_CALL_WORK = 2_000
_MACRO_WORK = 15_000
_PASS_WORK = 200
_NODE_WORK = 400
_LOOP_FIELDS = "cycle changed depth depth0 first index index0 last length nextitem previtem revindex revindex0"
_DATE_FIELDS = "year month day hour minute second microsecond"
_ATTRIBUTES: tuple[tuple[type, frozenset[str]], ...] = (
    (LoopContext, frozenset(_LOOP_FIELDS.split())),
    (date, frozenset(_DATE_FIELDS.split())),
    (GroupPair, frozenset({"grouper", "list"})),
)
"""The only Python attributes that can be read, beside those of a namespace, which are its keys."""


_COMPARISONS = {"eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in", "notin": "not in"}


class _Passes:
    """What a loop goes over, counted."""

    def __init__(self, items: Iterable[JsonValue], work: int = 0) -> None:
        self._items = items
        self._work = work + _PASS_WORK

    def __len__(self) -> int:
        return len(self._items)  # type: ignore[arg-type]  # a TypeError is what Jinja expects of an iterator

    def __iter__(self) -> Iterator[JsonValue]:
        for item in self._items:
            count_pass(self._work)
            yield item


def _range(*bounds: int) -> range:
    made = range(*bounds)
    check_length(len(made), MAX_ELEMENTS)
    return made


FUNCTIONS: Mapping[str, Callable[..., object]] = {"range": _range, "dict": dict, "namespace": Namespace}


class _Generator(CodeGenerator):
    """Writes the calls into the environment. ``ctx`` of a ``Getattr`` is ``call`` where a method is called.

    The names of the methods are Jinja's: ``visit_`` and the class of the node.
    """

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802
        # As Jinja's, without what imports, inheritance and blocks need: none of them is left in a tree that
        # is compiled, and looking for them takes as long as all the rest.
        assert frame is None
        self.writeline("from jinja2.runtime import " + ", ".join(sorted(exported)))
        self.writeline("name = None")
        self.writeline("def root(context, missing=missing, environment=environment):", extra=1)
        self.indent()
        self.write_commons()
        root = Frame(EvalContext(self.environment, self.name))
        root.symbols.analyze_node(node)
        root.toplevel = root.rootlevel = True
        root.require_output_check = False
        self.enter_frame(root)
        self.pull_dependencies(node.body)
        self.blockvisit(node.body, root)
        self.leave_frame(root, with_python_scope=True)
        self.outdent()
        self.writeline("blocks = {}", extra=1)
        self.writeline("debug_info = ''")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802
        self.write("environment.method(" if node.ctx == "call" else "environment.getattr(")
        self.visit(node.node, frame)
        self.write(f", {node.attr!r}, {_source(node.node)!r})")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802
        items = _items_of_step(node)
        self.write("environment.getitem(" if items is None else "environment.item(")
        self.visit(node.node if items is None else items.node, frame)
        self.write(", ")
        self.visit(node.arg, frame)
        self.write(f", {_source(node.node)!r})")

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802
        if not isinstance(node.node, nodes.EnvironmentAttribute):
            super().visit_Call(node, frame, forward_caller=forward_caller)
            return
        self.visit(node.node, frame)
        self.write("(")
        for argument in node.args:
            self.visit(argument, frame)
            self.write(", ")
        self.write(")")

    def visit_Slice(self, node: nodes.Slice, frame: Frame) -> None:  # noqa: N802
        self.write("slice(")
        for part in (node.start, node.stop, node.step):
            self.visit(part or nodes.Const(None), frame)
            self.write(", ")
        self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.concatenate((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:  # noqa: N802
        self.write("(environment.weigh(")
        self.visit(node.expr, frame)
        self.write(")")
        for operand in node.ops:
            self.visit(operand, frame)
        self.write(")")

    def visit_Operand(self, node: nodes.Operand, frame: Frame) -> None:  # noqa: N802
        self.write(f" {_COMPARISONS[node.op]} environment.weigh(")
        self.visit(node.expr, frame)
        self.write(")")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802
        self.write("{")
        for pair in node.items:
            self.write("environment.key(")
            self.visit(pair.key, frame)
            self.write("): ")
            self.visit(pair.value, frame)
            self.write(", ")
        self.write("}")

    def visit_ExprStmt(self, node: nodes.ExprStmt, frame: Frame) -> None:  # noqa: N802
        # No statement of the language; it stands at the start of a body and holds the body's size.
        assert isinstance(node.node, nodes.Const)
        self.newline(node)
        self.write(f"environment.enter({node.node.value})")

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> str:
        if isinstance(node, nodes.TemplateData):
            return node.data
        raise nodes.Impossible

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write("environment.output(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write(")")


def _items_of_step(node: nodes.Getitem) -> nodes.Getattr | None:
    """``steps.a.items`` of ``steps.a.items[position]``."""
    items = node.node
    if isinstance(items, nodes.Getattr) and items.attr == "items" and not isinstance(node.arg, nodes.Slice):
        step = items.node
        if isinstance(step, nodes.Getattr | nodes.Getitem) and isinstance(step.node, nodes.Name):
            return items if step.node.name == "steps" else None
    return None


def _source(node: nodes.Node) -> str:
    """About what the user wrote, for naming the place of something missing."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.Getattr():
            return _source(node.node) + key_text(node.attr)
        case nodes.Getitem():
            return _source(node.node) + _source_of_key(node.arg)
        case nodes.Call(node=nodes.EnvironmentAttribute(name="unless_null")):
            return _source(node.args[1])
        case nodes.Call():
            return f"{_source(node.node)}(…)"
        case nodes.Filter() if node.node is not None:
            return f"({_source(node.node)} | {node.name})"
        case nodes.Const():
            return repr(node.value)
        case _:
            return "…"


def _source_of_key(node: nodes.Node) -> str:
    match node:
        case nodes.Const():
            return key_text(node.value)
        case nodes.Neg(node=nodes.Const(value=int(position))):
            return key_text(-position)
        case _:
            return f"[{_source(node)}]"


class SandboxEnvironment(SandboxedEnvironment):
    """Where templates are compiled and run; one for all, it keeps nothing between renderings."""

    code_generator_class = _Generator
    intercepted_binops = frozenset(OPERATORS)

    def __init__(self) -> None:
        super().__init__(undefined=Missing, optimized=False, keep_trailing_newline=True, autoescape=False, cache_size=0)
        self.globals.clear()
        self.filters.clear()
        self.filters.update(make_filters(self))
        self.tests.clear()
        self.tests.update(make_tests(self))

    # What compiled templates call

    def getattr(self, obj: JsonValue, attribute: str, where: str = "") -> JsonValue:
        """``obj.attribute``: the key of that name."""
        if isinstance(obj, Mapping):
            try:
                return obj[attribute]
            except KeyError:
                return missing_key(obj, attribute, where)
        if isinstance(obj, Missing):
            return obj
        return _read_attribute(obj, attribute, where)

    def getitem(self, obj: JsonValue, argument: JsonValue, where: str = "") -> JsonValue:
        """``obj[argument]``: a key, a position, or a slice."""
        if isinstance(argument, str):
            return self.getattr(obj, argument, where)
        if isinstance(obj, Unread):
            return obj
        if isinstance(argument, slice):
            part = obj[argument]
            return weigh(part)
        key = _checked(argument)
        if not isinstance(obj, Mapping | str | list | tuple | range | bytes):
            return missing_key(obj, key, where)
        try:
            return obj[key]
        except (LookupError, TypeError):
            return missing_key(obj, key, where)

    def item(self, step: JsonValue, position: JsonValue, where: str) -> JsonValue:
        """``step.items[position]``, of a loop without making all the others."""
        if type(position) is int and isinstance(step, StepFields) and step.is_loop:
            try:
                return step.item(position)
            except IndexError:
                pass
        return self.getitem(self.getattr(step, "items", where.removesuffix(".items")), position, where)

    def method(self, obj: JsonValue, name: str, where: str = "") -> JsonValue:
        """``obj.name`` where it is called."""
        if isinstance(obj, str) and name == "format":
            return partial(self._format, obj)
        if isinstance(obj, str) and name == "format_map":
            return lambda mapping: self._format(obj, **mapping)
        if isinstance(obj, Namespace | LoopContext | Missing):
            return self.getattr(obj, name, where)
        method = find_method(obj, name)
        if method is not None:
            return method
        if isinstance(obj, Mapping) and name in obj:
            return obj[name]
        near = nearest(name, method_names(obj))
        hint = f"; did you mean {near!r}?" if near else ""
        return Missing.at(f"{where}.{name}", lambda: f"{type_word(obj)} has no method {name!r}{hint}")

    def call(__self, __context: Context, __obj: JsonValue, *args: JsonValue, **kwargs: JsonValue) -> JsonValue:  # noqa: N805 - Jinja's signature keeps the names free for keywords
        """Call a function, method or macro; a macro's call counts as a pass."""
        if isinstance(__obj, Macro | LoopContext):
            count_pass(_MACRO_WORK)
        else:
            spend(_CALL_WORK)
        for argument in (__obj, *args):
            if isinstance(argument, Missing) and not isinstance(__obj, Macro):
                argument.use()
            weigh(argument)
        if not callable(__obj):
            raise TypeError(f"{type_word(__obj)} cannot be called")
        if isinstance(__obj, LoopContext):
            args = tuple(map(_Passes, args))
        result = super().call(__context, __obj, *args, **kwargs)
        return weigh(result)

    def loop_over(self, items: Iterable[JsonValue], size: int) -> _Passes:
        """What a ``for`` goes over; ``size`` is that of its condition, in nodes."""
        return _Passes(items, size * _NODE_WORK)

    def unless_null(self, root: JsonValue, value: JsonValue) -> JsonValue:
        """What was read below ``root``: null where that is null."""
        return None if root is None else value

    def enter(self, size: int) -> None:
        """The body of a loop or macro begins; ``size`` is in nodes."""
        spend(size * _NODE_WORK)

    def call_binop(self, context: Context, operator: str, left: JsonValue, right: JsonValue) -> JsonValue:
        """An operator that can build much from little."""
        for operand in (left, right):
            if isinstance(operand, Missing):
                operand.use()
        return OPERATORS[operator](left, right)

    def concatenate(self, parts: tuple[JsonValue, ...]) -> str:
        """``a ~ b``."""
        return join_text("", parts)

    def output(self, value: JsonValue) -> str:
        """``{{ value }}`` amid text."""
        return write_text(to_text(value))

    def weigh(self, value: JsonValue) -> JsonValue:
        """A side of a comparison."""
        return weigh(value)

    def key(self, value: JsonValue) -> JsonValue:
        """A key of an object written out."""
        return _checked(value)

    def _format(self, template: str, /, *args: JsonValue, **kwargs: JsonValue) -> str:
        return ValueFormatter(self.getattr, self.getitem).vformat(template, args, kwargs)


def _checked(key: JsonValue) -> JsonValue:
    """A key that is no list: hashing a deep one could take for ever."""
    if isinstance(key, Unread):
        key.use()
    if isinstance(key, tuple):
        raise TypeError("a list cannot be a key")
    return key


def _read_attribute(obj: JsonValue, attribute: str, where: str) -> JsonValue:
    if isinstance(obj, SecretsView):
        return obj.read(attribute)
    if isinstance(obj, Namespace):
        readable = not attribute.startswith("_")
    else:
        readable = any(isinstance(obj, kind) and attribute in names for kind, names in _ATTRIBUTES)
    if readable:
        try:
            return getattr(obj, attribute)
        except AttributeError:
            pass
    return missing_key(obj, attribute, where)
