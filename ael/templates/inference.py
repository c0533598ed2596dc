"""The types of expressions, by their syntax trees: what they give, and what in them cannot go right.

A problem is only claimed where every value of the types fails. What a condition may rule out that asks for types
or for what is there (``is defined``, ``in``) is passed over, and a missing key that ``default`` covers is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

from jinja2 import nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from ael.schema_types import (
    ANY,
    BOOLEAN,
    INTEGER,
    NEVER,
    NULL,
    NUMBER,
    OPEN_OBJECT,
    TEXT,
    Kind,
    ListType,
    Type,
    closed_object,
    is_only,
    kinds_of,
    of_value,
    union,
    words,
)
from ael.templates.analysis import assigned_names
from ael.templates.chains import ChainReader
from ael.templates.expressions import the_environment
from ael.templates.filter_types import FILTER_NEEDS, ITERABLE, comparison_fails, filter_type, operator_type
from ael.templates.lookups import Inferred, Roots, interpolation_problem, read, read_chain
from ael.templates.model import Names, TemplateProblem
from ael.templates.references import Chain
from ael.templates.tokens import Tokens, tokenise

__all__ = ["infer_expressions"]

_OPERATORS: Mapping[type[nodes.Expr], tuple[str, str]] = {
    nodes.Add: ("+", "added"),
    nodes.Sub: ("-", "subtracted"),
    nodes.Mul: ("*", "multiplied"),
    nodes.Div: ("/", "divided"),
    nodes.FloorDiv: ("//", "divided"),
    nodes.Mod: ("%", "divided"),
    nodes.Pow: ("**", "raised to a power"),
}
_LENIENT_TESTS = frozenset({"defined", "undefined"})
_LENIENT_FILTERS = frozenset({"d", "default"})
_ARITHMETIC = frozenset({Kind.NUMBER, Kind.BOOLEAN})


def infer_expressions(text: str, names: Names, roots: Roots) -> Inferred:
    """The type of a template that has no problems and is more than paths."""
    environment = the_environment()
    tokens = tokenise(text, names, environment)
    parser = Parser(environment, "")
    parser.stream = TokenStream(iter(tokens.tokens), None, None)
    inference = _Inference(text, parser.parse(), tokens, roots)
    problems = sorted(inference.problems, key=lambda problem: problem.offset)
    return Inferred(inference.value if tokens.whole else TEXT, tuple(problems))


class _Inference:
    """Walks a tree once.

    Attributes:
        value: Of one whole expression its type.
        problems: What cannot go right, or is probably not meant.
    """

    def __init__(self, text: str, tree: nodes.Template, tokens: Tokens, roots: Roots) -> None:
        self.value: Type = ANY
        self.problems: list[TemplateProblem] = []
        self._text = text
        self._tokens = tokens
        self._reader = ChainReader(tokens)
        self._roots = roots
        self._assigned = frozenset(assigned_names(tree))
        self._guarded = 0
        self._of_expression: Mapping[type[nodes.Node], Callable[..., Type]] = {
            nodes.Name: self._path,
            nodes.Getattr: self._path,
            nodes.Getitem: self._path,
            nodes.Call: self._call,
            nodes.Filter: self._filter,
            nodes.Test: self._test,
            nodes.CondExpr: self._choice,
            nodes.And: self._and_or,
            nodes.Or: self._and_or,
            nodes.Not: self._not,
            nodes.Neg: self._sign,
            nodes.Pos: self._sign,
            nodes.Compare: self._compare,
            nodes.Concat: self._concat,
            nodes.List: self._list,
            nodes.Tuple: self._list,
            nodes.Dict: self._dict,
            **dict.fromkeys(_OPERATORS, self._binary),
        }
        self._statement(tree)

    # Statements

    def _statement(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Output):
            for written in node.nodes:
                if not isinstance(written, nodes.TemplateData):
                    self._written(written)
        elif isinstance(node, nodes.If):
            self._type(node.test)
            with self._guard(node.test):
                for part in (*node.body, *node.elif_, *node.else_):
                    self._statement(part)
        elif isinstance(node, nodes.Expr):
            self._type(node)
        else:
            if isinstance(node, nodes.For):
                self._check_loop(node)
            for part in node.iter_child_nodes():
                self._statement(part)

    def _check_loop(self, node: nodes.For) -> None:
        with self._quietly():
            kinds = kinds_of(items := self._type(node.iter))
        if kinds and not kinds & ITERABLE:
            message = f"`for` goes through a list, and {self._subject(node.iter)} is {words(items)}"
            self._problem("filter", message, node.iter)

    def _written(self, part: nodes.Expr) -> None:
        self.value = self._type(part)
        if self._tokens.whole:
            return
        chain = self._chain(part)
        start = part.lineno - 1 if chain is None else chain.start
        length = self._tokens.ends.get(start, start + 1) - start if chain is None else chain.end - chain.start
        problem = interpolation_problem(self.value, chain, (start, length))
        if problem is not None:
            self._add(problem)

    @contextmanager
    def _guard(self, condition: nodes.Node) -> Iterator[None]:
        """What is said inside does not count if the condition asks what there is."""
        asks = isinstance(condition, nodes.Test) or condition.find(nodes.Test) is not None
        asks = asks or any(operand.op in {"in", "notin"} for operand in condition.find_all(nodes.Operand))
        with self._quietly() if asks else nullcontext():
            yield

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        self._guarded += 1
        yield
        self._guarded -= 1

    def _add(self, problem: TemplateProblem) -> None:
        if not self._guarded:
            self.problems.append(problem)

    def _problem(self, kind: str, message: str, at: nodes.Node, advice: str | None = None) -> None:
        """``at``: where; of a filter its name, of an operator both sides as far as they are paths."""
        start = at.lineno - 1 if isinstance(at, nodes.Filter) else _start(at)
        end = self._tokens.ends.get(start, start + 1)
        if isinstance(at, nodes.BinExpr):
            end = max(end, self._end(at.left), self._end(at.right))
        elif not isinstance(at, nodes.Filter):
            end = max(end, self._end(at))
        self._add(TemplateProblem(kind, message, None, start, end - start, advice=advice))

    def _end(self, node: nodes.Node) -> int:
        chain = self._chain(node)
        return 0 if chain is None else chain.end

    # Expressions

    def _type(self, node: nodes.Node) -> Type:
        if isinstance(node, nodes.Const):
            return of_value(node.value)
        found = self._of_expression.get(type(node))
        if found is not None:
            return found(node)
        for part in node.iter_child_nodes():
            self._statement(part)
        return TEXT if isinstance(node, nodes.TemplateData) else ANY

    def _chain(self, node: nodes.Node) -> Chain | None:
        """The path that the node is from its root to its end; ``None`` for anything else."""
        chain = self._reader.chain(node)
        if chain is None or chain.computed or chain.root in self._assigned:
            return None
        return chain

    def _path(self, node: nodes.Name | nodes.Getattr | nodes.Getitem, *, lenient: bool = False) -> Type:
        """``lenient``: whether it may be that there is nothing."""
        chain = self._chain(node)
        if chain is not None:
            type_, problem = read_chain(chain, self._roots)
            if problem is not None and not lenient:
                self._add(problem)
            return type_
        if isinstance(node, nodes.Name):
            return ANY
        owner = self._path(node.node, lenient=lenient) if isinstance(node.node, nodes.Getattr | nodes.Getitem) else None
        owner = self._type(node.node) if owner is None else owner
        if isinstance(node, nodes.Getattr):
            return _below(owner, node.attr)
        if isinstance(node.arg, nodes.Slice):
            self._type(node.arg)
            return owner if is_only(owner, Kind.LIST) else TEXT if is_only(owner, Kind.TEXT) else ANY
        return _below(owner, 0) if is_only(self._type(node.arg), Kind.NUMBER) else ANY

    def _call(self, node: nodes.Call) -> Type:
        callee = node.node
        if isinstance(callee, nodes.Getattr):
            self._type(callee.node)
        elif not isinstance(callee, nodes.Name):
            self._type(callee)
        for part in (*node.args, *node.kwargs, node.dyn_args, node.dyn_kwargs):
            if part is not None:
                self._statement(part)
        is_range = isinstance(callee, nodes.Name) and callee.name == "range" and "range" not in self._assigned
        return ListType(INTEGER) if is_range else ANY

    def _filter(self, node: nodes.Filter) -> Type:
        value = self._filtered(node)
        arguments = tuple(self._type(argument) for argument in node.args)
        others = (*node.kwargs, node.dyn_args, node.dyn_kwargs)
        for part in others:
            if part is not None:
                self._statement(part)
        named = any(part is not None for part in others)
        self._check_filter(node, value, with_default=bool(arguments) or named)
        if named and node.name in {*_LENIENT_FILTERS, "int", "float"}:
            return ANY
        return filter_type(node.name, value, arguments)

    def _filtered(self, node: nodes.Filter | nodes.Test) -> Type:
        """The type of what a filter or test is given; ``TEXT`` for the body of ``{% filter %}``."""
        lenient = node.name in (_LENIENT_FILTERS if isinstance(node, nodes.Filter) else _LENIENT_TESTS)
        if node.node is None:
            return TEXT
        if isinstance(node.node, nodes.Name | nodes.Getattr | nodes.Getitem):
            return self._path(node.node, lenient=lenient)
        return self._type(node.node)

    def _check_filter(self, node: nodes.Filter, value: Type, *, with_default: bool) -> None:
        needs = FILTER_NEEDS.get(node.name)
        kinds = kinds_of(value)
        if needs is None or not kinds or kinds & needs or (with_default and node.name in {"int", "float"}):
            return
        message = f"`{node.name}` takes {_listed(needs)}, and {self._subject(node.node)} is {words(value)}"
        self._problem("filter", message, node)

    def _test(self, node: nodes.Test) -> Type:
        self._filtered(node)
        for argument in node.args:
            self._type(argument)
        return BOOLEAN

    def _choice(self, node: nodes.CondExpr) -> Type:
        self._type(node.test)
        with self._guard(node.test):
            first = self._type(node.expr1)
            return union(first, NULL if node.expr2 is None else self._type(node.expr2))

    def _and_or(self, node: nodes.And | nodes.Or) -> Type:
        left = self._type(node.left)
        with self._guard(node.left):
            return union(left, self._type(node.right))

    def _not(self, node: nodes.Not) -> Type:
        self._type(node.node)
        return BOOLEAN

    def _sign(self, node: nodes.Neg | nodes.Pos) -> Type:
        value = self._type(node.node)
        if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const) and type(node.node.value) in (int, float):
            return of_value(-node.node.value)
        kinds = kinds_of(value)
        if kinds and not kinds & _ARITHMETIC:
            self._problem("operator", f"{self._subject(node.node)} is {words(value)}, which has no sign", node.node)
        return INTEGER if value == INTEGER else NUMBER if is_only(value, Kind.NUMBER) else ANY

    def _binary(self, node: nodes.BinExpr) -> Type:
        left, right = self._type(node.left), self._type(node.right)
        operator, verb = _OPERATORS[type(node)]
        made = operator_type(operator, left, right)
        if made != NEVER:
            return made
        message = f"{words(left)} and {words(right)} cannot be {verb}{self._which(node.left, node.right)}"
        joins = operator == "+" and (is_only(left, Kind.TEXT) or is_only(right, Kind.TEXT))
        advice = "`~` joins values as text" if joins else None
        self._problem("operator", message, node, advice)
        return ANY

    def _which(self, *sides: nodes.Node) -> str:
        """The paths among the sides of an operator, in brackets."""
        named = [self._subject(side) for side in sides if self._chain(side) is not None]
        return f" ({', '.join(named)})" if named else ""

    def _compare(self, node: nodes.Compare) -> Type:
        left, before = self._type(node.expr), node.expr
        for operand in node.ops:
            right = self._type(operand.expr)
            if comparison_fails(operand.op, left, right):
                self._problem("operator", self._comparison(operand, before, left, right), before)
            left, before = right, operand.expr
        return BOOLEAN

    def _comparison(self, operand: nodes.Operand, before: nodes.Expr, left: Type, right: Type) -> str:
        if operand.op in {"in", "notin"}:
            return f"nothing is `in` {self._subject(operand.expr)}, which is {words(right)}"
        return f"{words(left)} and {words(right)} cannot be compared{self._which(before, operand.expr)}"

    def _concat(self, node: nodes.Concat) -> Type:
        for part in node.nodes:
            self._type(part)
        return TEXT

    def _list(self, node: nodes.List | nodes.Tuple) -> Type:
        return ListType(union(*map(self._type, node.items)))

    def _dict(self, node: nodes.Dict) -> Type:
        pairs = [(pair.key, self._type(pair.key), self._type(pair.value)) for pair in node.items]
        if not all(isinstance(key, nodes.Const) and isinstance(key.value, str) for key, _, _ in pairs):
            return OPEN_OBJECT
        return closed_object({key.value: value for key, _, value in pairs if isinstance(key, nodes.Const)})

    def _subject(self, node: nodes.Node | None) -> str:
        chain = None if node is None else self._chain(node)
        if chain is None:
            return "this"
        return f"`{self._text[chain.start : chain.end]}`"


def _below(owner: Type, key: str | int) -> Type:
    """What is below a key of something that has no name; what is not there is not claimed."""
    found = read(owner, key)
    return ANY if found == NEVER else found


def _start(node: nodes.Node) -> int:
    """Where an expression begins; operators begin where their left side does."""
    while isinstance(node, nodes.BinExpr | nodes.Getattr | nodes.Getitem | nodes.Filter | nodes.Call):
        below = node.left if isinstance(node, nodes.BinExpr) else node.node
        if below is None:
            break
        node = below
    return node.lineno - 1


def _listed(kinds: frozenset[Kind]) -> str:
    names = {Kind.TEXT: "text", Kind.LIST: "a list", Kind.OBJECT: "an object", Kind.NUMBER: "a number"}
    found = [name for kind, name in names.items() if kind in kinds]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"
