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
_WITH_DEFAULTS = frozenset({*_LENIENT_FILTERS, "int", "float"})
_FIXED: Mapping[type[nodes.Node], Type] = {nodes.Not: BOOLEAN, nodes.Concat: TEXT, nodes.TemplateData: TEXT}
_ARITHMETIC = frozenset({Kind.NUMBER, Kind.BOOLEAN})


def infer_expressions(text: str, names: Names, roots: Roots) -> Inferred:
    """The type of a template that has no problems and is more than paths."""
    environment = the_environment()
    tokens = tokenise(text, names, environment)
    parser = Parser(environment, "")
    parser.stream = TokenStream(iter(tokens.tokens), None, None)
    tree = parser.parse()
    claims = _Claims(_Places(text, tokens, frozenset(assigned_names(tree))))
    value = _Inference(claims, roots, whole=tokens.whole).read(tree)
    problems = sorted(claims.problems, key=lambda problem: problem.offset)
    return Inferred(value if tokens.whole else TEXT, tuple(problems))


class _Places:
    """Where the parts of one template stand, and what is written there."""

    def __init__(self, text: str, tokens: Tokens, assigned: frozenset[str]) -> None:
        self.assigned = assigned
        self._text = text
        self._tokens = tokens
        self._reader = ChainReader(tokens)

    def chain(self, node: nodes.Node | None) -> Chain | None:
        """The path that the node is from its root to its end; ``None`` for anything else."""
        chain = None if node is None else self._reader.chain(node)
        return None if chain is None or chain.computed or chain.root in self.assigned else chain

    def subject(self, node: nodes.Node | None) -> str:
        """A part in a sentence: a path by what is written, anything else as ``this``."""
        chain = self.chain(node)
        return "this" if chain is None else f"`{self._text[chain.start : chain.end]}`"

    def paths(self, *sides: nodes.Node) -> str:
        """The paths among the sides of an operator, in brackets."""
        named = [self.subject(side) for side in sides if self.chain(side) is not None]
        return f" ({', '.join(named)})" if named else ""

    def of(self, node: nodes.Node) -> tuple[int, int]:
        """Offset and length: of a filter its name, of an operator both sides as far as they are paths."""
        if isinstance(node, nodes.Filter):
            parts: tuple[nodes.Node, ...] = ()
            start = node.lineno - 1
        else:
            parts = (node.left, node.right) if isinstance(node, nodes.BinExpr) else (node,)
            start = _start(node)
        chains = [self.chain(part) for part in parts]
        ends = [self._tokens.ends.get(start, start + 1), *(chain.end for chain in chains if chain is not None)]
        return start, max(ends) - start


class _Claims:
    """What is said to be wrong in one template; ``problems`` are those that count."""

    def __init__(self, places: _Places) -> None:
        self.places = places
        self.problems: list[TemplateProblem] = []
        self._guarded = 0

    def add(self, problem: TemplateProblem | None) -> None:
        """Say it, unless a condition around may rule it out."""
        if problem is not None and not self._guarded:
            self.problems.append(problem)

    def say(self, kind: str, message: str, at: nodes.Node, advice: str | None = None) -> None:
        """The same in words."""
        self.add(TemplateProblem(kind, message, None, *self.places.of(at), advice=advice))

    @contextmanager
    def guard(self, condition: nodes.Node) -> Iterator[None]:
        """What is said inside does not count if the condition asks what there is."""
        asks = isinstance(condition, nodes.Test) or condition.find(nodes.Test) is not None
        asks = asks or any(operand.op in {"in", "notin"} for operand in condition.find_all(nodes.Operand))
        with self.quietly() if asks else nullcontext():
            yield

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """What is said inside does not count."""
        self._guarded += 1
        yield
        self._guarded -= 1


class _Inference:
    """Walks a tree once, and claims what cannot go right in it. ``whole``: it is one expression and nothing else."""

    def __init__(self, claims: _Claims, roots: Roots, *, whole: bool) -> None:
        self._claims = claims
        self._places = claims.places
        self._roots = roots
        self._whole = whole
        self._value: Type = ANY
        self._of_expression: Mapping[type[nodes.Node], Callable[..., Type]] = {
            nodes.Const: lambda node: of_value(node.value),
            nodes.Name: self._path,
            nodes.Getattr: self._path,
            nodes.Getitem: self._path,
            nodes.Call: self._call,
            nodes.Filter: self._filter,
            nodes.Test: self._test,
            nodes.CondExpr: self._choice,
            nodes.And: self._and_or,
            nodes.Or: self._and_or,
            nodes.Neg: self._sign,
            nodes.Pos: self._sign,
            nodes.Compare: self._compare,
            nodes.List: self._list,
            nodes.Tuple: self._list,
            nodes.Dict: self._dict,
            **dict.fromkeys(_OPERATORS, self._binary),
        }

    def read(self, tree: nodes.Template) -> Type:
        """The type of the last expression that is written."""
        self._statement(tree)
        return self._value

    # Statements

    def _statement(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Output):
            for written in node.nodes:
                if not isinstance(written, nodes.TemplateData):
                    self._written(written)
        elif isinstance(node, nodes.If):
            self._type(node.test)
            with self._claims.guard(node.test):
                self._statements(*node.body, *node.elif_, *node.else_)
        elif isinstance(node, nodes.Expr):
            self._type(node)
        else:
            if isinstance(node, nodes.For):
                self._check_loop(node)
            self._statements(*node.iter_child_nodes())

    def _statements(self, *parts: nodes.Node | None) -> None:
        for part in parts:
            if part is not None:
                self._statement(part)

    def _check_loop(self, node: nodes.For) -> None:
        with self._claims.quietly():
            kinds = kinds_of(items := self._type(node.iter))
        if kinds and not kinds & ITERABLE:
            message = f"`for` goes through a list, and {self._places.subject(node.iter)} is {words(items)}"
            self._claims.say("filter", message, node.iter)

    def _written(self, part: nodes.Expr) -> None:
        self._value = self._type(part)
        if not self._whole:
            self._claims.add(interpolation_problem(self._value, self._places.chain(part), self._places.of(part)))

    # Expressions

    def _type(self, node: nodes.Node) -> Type:
        found = self._of_expression.get(type(node))
        if found is not None:
            return found(node)
        self._statements(*node.iter_child_nodes())
        return _FIXED.get(type(node), ANY)

    def _path(self, node: nodes.Name | nodes.Getattr | nodes.Getitem, *, lenient: bool = False) -> Type:
        """``lenient``: whether it may be that there is nothing."""
        chain = self._places.chain(node)
        if chain is not None:
            type_, problem = read_chain(chain, self._roots)
            if not lenient:
                self._claims.add(problem)
            return type_
        if isinstance(node, nodes.Name):
            return ANY
        owner = self._given(node.node, lenient=lenient)
        return _below(owner, node.attr) if isinstance(node, nodes.Getattr) else self._item(owner, node.arg)

    def _given(self, node: nodes.Node | None, *, lenient: bool = False) -> Type:
        """The type of what something is done with; ``TEXT`` for the body of ``{% filter %}``."""
        if node is None:
            return TEXT
        if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            return self._path(node, lenient=lenient)
        return self._type(node)

    def _item(self, owner: Type, key: nodes.Node) -> Type:
        kind = self._type(key)
        if isinstance(key, nodes.Slice):
            return owner if is_only(owner, Kind.LIST) else TEXT if is_only(owner, Kind.TEXT) else ANY
        return _below(owner, 0) if is_only(kind, Kind.NUMBER) else ANY

    def _call(self, node: nodes.Call) -> Type:
        callee = node.node
        if isinstance(callee, nodes.Getattr):
            self._type(callee.node)
        elif not isinstance(callee, nodes.Name):
            self._type(callee)
        self._statements(*node.args, *node.kwargs, node.dyn_args, node.dyn_kwargs)
        is_range = isinstance(callee, nodes.Name) and callee.name == "range" and "range" not in self._places.assigned
        return ListType(INTEGER) if is_range else ANY

    def _filter(self, node: nodes.Filter) -> Type:
        value = self._given(node.node, lenient=node.name in _LENIENT_FILTERS)
        arguments = tuple(self._type(argument) for argument in node.args)
        others = (*node.kwargs, node.dyn_args, node.dyn_kwargs)
        self._statements(*others)
        named = any(part is not None for part in others)
        if not (node.name in _WITH_DEFAULTS and (arguments or named)):
            _check_filter(node, value, self._claims)
        return ANY if named and node.name in _WITH_DEFAULTS else filter_type(node.name, value, arguments)

    def _test(self, node: nodes.Test) -> Type:
        self._given(node.node, lenient=node.name in _LENIENT_TESTS)
        self._statements(*node.args)
        return BOOLEAN

    def _choice(self, node: nodes.CondExpr) -> Type:
        self._type(node.test)
        with self._claims.guard(node.test):
            first = self._type(node.expr1)
            return union(first, NULL if node.expr2 is None else self._type(node.expr2))

    def _and_or(self, node: nodes.And | nodes.Or) -> Type:
        left = self._type(node.left)
        with self._claims.guard(node.left):
            return union(left, self._type(node.right))

    def _sign(self, node: nodes.Neg | nodes.Pos) -> Type:
        value = self._type(node.node)
        if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const) and type(node.node.value) in (int, float):
            return of_value(-node.node.value)
        kinds = kinds_of(value)
        if kinds and not kinds & _ARITHMETIC:
            message = f"{self._places.subject(node.node)} is {words(value)}, which has no sign"
            self._claims.say("operator", message, node.node)
        return INTEGER if value == INTEGER else NUMBER if is_only(value, Kind.NUMBER) else ANY

    def _binary(self, node: nodes.BinExpr) -> Type:
        left, right = self._type(node.left), self._type(node.right)
        operator, verb = _OPERATORS[type(node)]
        made = operator_type(operator, left, right)
        if made != NEVER:
            return made
        message = f"{words(left)} and {words(right)} cannot be {verb}{self._places.paths(node.left, node.right)}"
        joins = operator == "+" and (is_only(left, Kind.TEXT) or is_only(right, Kind.TEXT))
        self._claims.say("operator", message, node, "`~` joins values as text" if joins else None)
        return ANY

    def _compare(self, node: nodes.Compare) -> Type:
        left, before = self._type(node.expr), node.expr
        for operand in node.ops:
            right = self._type(operand.expr)
            if comparison_fails(operand.op, left, right):
                message = f"{words(left)} and {words(right)} cannot be compared"
                message += self._places.paths(before, operand.expr)
                if operand.op in {"in", "notin"}:
                    message = f"nothing is `in` {self._places.subject(operand.expr)}, which is {words(right)}"
                self._claims.say("operator", message, before)
            left, before = right, operand.expr
        return BOOLEAN

    def _list(self, node: nodes.List | nodes.Tuple) -> Type:
        return ListType(union(*map(self._type, node.items)))

    def _dict(self, node: nodes.Dict) -> Type:
        pairs = [(pair.key, self._type(pair.key), self._type(pair.value)) for pair in node.items]
        if not all(isinstance(key, nodes.Const) and isinstance(key.value, str) for key, _, _ in pairs):
            return OPEN_OBJECT
        return closed_object({key.value: value for key, _, value in pairs if isinstance(key, nodes.Const)})


def _check_filter(node: nodes.Filter, value: Type, claims: _Claims) -> None:
    needs = FILTER_NEEDS.get(node.name)
    kinds = kinds_of(value)
    if needs is not None and kinds and not kinds & needs:
        message = f"`{node.name}` takes {_listed(needs)}, and {claims.places.subject(node.node)} is {words(value)}"
        claims.say("filter", message, node)


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
