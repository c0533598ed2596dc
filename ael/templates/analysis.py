"""One walk over the syntax tree of an expression: what it reads, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jinja2 import nodes

from ael.near import nearest
from ael.templates.chains import ChainReader
from ael.templates.filters import signature_of
from ael.templates.model import Names, TemplateProblem
from ael.templates.references import ROOTS, Chain, problems_of, unknown_root
from ael.templates.sandbox import FUNCTIONS, SandboxEnvironment
from ael.templates.tokens import Tokens

__all__ = ["Analysis", "assigned_names"]

_REFUSED: Mapping[type[nodes.Node], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.ScopedEvalContextModifier: "autoescape",
}
_FIXED_ROOTS = frozenset({"steps", "inputs", "secrets", "config"})
_BY_NAME = {"map": ("filter", 0), "select": ("test", 0), "reject": ("test", 0)}
_BY_NAME |= {"selectattr": ("test", 1), "rejectattr": ("test", 1)}


_FOREIGN: Mapping[str, str] = {
    **dict.fromkeys(("len", "size"), "length"),
    **dict.fromkeys(("str", "toString", "to_string"), "string"),
    **dict.fromkeys(("sorted", "order"), "sort"),
    **dict.fromkeys(("upcase", "toUpper", "uppercase"), "upper"),
    **dict.fromkeys(("downcase", "toLower", "lowercase"), "lower"),
    **dict.fromkeys(("to_json", "toJson", "toJSON", "dumps", "json_encode"), "tojson"),
    **dict.fromkeys(("from_json", "fromJson", "fromJSON", "loads", "json_decode", "parse_json"), "fromjson"),
    **dict.fromkeys(("strip", "trimmed"), "trim"),
    "to_int": "int",
    "to_float": "float",
}
"""Functions and filters of other languages → the filter that does it here."""
_CLOCK = "there is no clock in templates; `workflow.start_time` is when the execution began"
_ADVICE: Mapping[str, str] = dict.fromkeys(("now", "today", "datetime", "utcnow"), _CLOCK)


class Analysis:
    """Walks a tree once.

    Attributes:
        chains: What is read, in order of appearance.
        problems: What is wrong.
        assigned: The names that the template gives to something itself, wherever it does.
    """

    def __init__(self, tree: nodes.Template, tokens: Tokens, names: Names, environment: SandboxEnvironment) -> None:
        self.chains: list[Chain] = []
        self.problems: list[TemplateProblem] = []
        self._tokens = tokens
        self._reader = ChainReader(tokens)
        self._names = names
        self._environment = environment
        self.assigned = frozenset(assigned_names(tree))
        self._visit(tree)

    def _visit(self, node: nodes.Node) -> None:
        kind = "refused" if type(node) in _REFUSED else type(node).__name__.lower()
        getattr(self, f"_visit_{kind}", self._visit_children)(node)

    def _visit_children(self, node: nodes.Node) -> None:
        for child in node.iter_child_nodes():
            self._visit(child)

    def _problem(self, kind: str, message: str, place: tuple[str, int], suggestion: str | None = None) -> None:
        name, start = place
        length = self._tokens.ends.get(start, start + len(name)) - start
        self.problems.append(TemplateProblem(kind, message, name, start, length, suggestion))

    # Reading

    def _visit_name(self, node: nodes.Name) -> None:
        start = node.lineno - 1
        if node.ctx != "load":
            if node.name in _FIXED_ROOTS:
                self._problem("syntax", f"`{node.name}` cannot be assigned to", (node.name, start))
        elif node.name not in self.assigned or node.name in _FIXED_ROOTS:
            self._read(Chain(node.name, start, start + len(node.name)))

    def _visit_getattr(self, node: nodes.Getattr | nodes.Getitem) -> None:
        chain = self._reader.chain(node)
        if chain is None or (chain.root in self.assigned and chain.root not in _FIXED_ROOTS):
            self._visit_children(node)
            return
        self._read(chain)
        self._visit_computed(node)

    _visit_getitem = _visit_getattr

    def _visit_computed(self, node: nodes.Node) -> None:
        """Along a chain, what is in brackets and not constant."""
        while isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Call):
            if isinstance(node, nodes.Getitem):
                self._visit(node.arg)
            node = node.node

    def _read(self, chain: Chain) -> None:
        if chain.root in ROOTS or chain.root in self._names.locals:
            self.chains.append(chain)
            self.problems += problems_of(chain, self._names)
        elif chain.root in FUNCTIONS:
            message = f"`{chain.root}` is a function: call it, `{chain.root}(…)`"
            self._problem("unknown_root", message, (chain.root, chain.start))
        else:
            self.problems.append(unknown_root(chain.root, chain.start, self._names, self.assigned))

    # Calling

    def _visit_call(self, node: nodes.Call) -> None:
        callee = node.node
        if isinstance(callee, nodes.Getattr):
            chain = self._reader.chain_of_get(node)
            if chain is not None:
                self._read(chain)
            else:
                self._visit(callee.node)
        elif isinstance(callee, nodes.Name):
            self._check_function(callee)
        else:
            self._visit(callee)
        for argument in (*node.args, *node.kwargs, node.dyn_args, node.dyn_kwargs):
            if argument is not None:
                self._visit(argument)

    def _check_function(self, callee: nodes.Name) -> None:
        known = {*FUNCTIONS, *self.assigned}
        if callee.name not in known:
            name = callee.name
            message = f"there is no function {name!r} in templates"
            written = _FOREIGN.get(name, name)
            advice = f"write `VALUE | {written}`" if written in self._environment.filters else _ADVICE.get(name)
            near = None if advice else nearest(name, known)
            self.problems.append(
                TemplateProblem("unknown_function", message, name, callee.lineno - 1, len(name), near, advice)
            )

    def _visit_filter(self, node: nodes.Filter) -> None:
        self._check_named("filter", node, node.lineno - 1)
        self._visit_children(node)

    def _visit_test(self, node: nodes.Test) -> None:
        start = self._tokens.following.get(node.lineno - 1, node.lineno - 1)
        if self._tokens.words.get(start) == "not":
            start = self._tokens.following.get(start, start)
        self._check_named("test", node, start)
        self._visit_children(node)

    def _check_named(self, what: str, node: nodes.Filter | nodes.Test, start: int) -> None:
        function = self._known(what, node.name, start)
        if function is None:
            return
        self._check_arguments(what, node, function, start)
        named = _BY_NAME.get(node.name) if what == "filter" else None
        if named is not None and len(node.args) > named[1]:
            argument = node.args[named[1]]
            if isinstance(argument, nodes.Const) and isinstance(argument.value, str):
                self._known(named[0], argument.value, argument.lineno)

    def _known(self, what: str, name: str, start: int) -> object:
        table = self._environment.filters if what == "filter" else self._environment.tests
        if name not in table:
            message = f"there is no {what} {name!r}"
            self._problem(f"unknown_{what}", message, (name, start), _suggestion(what, name, table))
        return table.get(name)

    def _check_arguments(self, what: str, node: nodes.Filter | nodes.Test, function: object, start: int) -> None:
        signature = signature_of(function)  # type: ignore[arg-type]
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            return
        try:
            signature.bind(None, *node.args, **{str(keyword.key): None for keyword in node.kwargs})
        except TypeError as error:
            self._problem("filter_arguments", f"{what} {node.name!r}: {error}", (node.name, start))

    # Statements

    def _visit_macro(self, node: nodes.Macro) -> None:
        if node.name in _FIXED_ROOTS:
            start = self._tokens.following[node.lineno - 1]
            self._problem("syntax", f"`{node.name}` cannot be assigned to", (node.name, start))
        self._visit_children(node)

    def _visit_refused(self, node: nodes.Node) -> None:
        tag = _REFUSED[type(node)]
        self._problem("syntax", f"`{{% {tag} %}}` is not available in templates", (tag, node.lineno - 1))


def _suggestion(what: str, name: str, table: Mapping[str, object]) -> str | None:
    foreign = _FOREIGN.get(name) if what == "filter" else None
    return foreign or nearest(name, table)


def assigned_names(tree: nodes.Template) -> Iterable[str]:
    """The names a template gives to something itself, wherever it does."""
    for node in tree.find_all((nodes.Name, nodes.For, nodes.Macro, nodes.CallBlock)):
        match node:
            case nodes.Name():
                if node.ctx != "load":
                    yield node.name
            case nodes.For():
                yield "loop"
            case nodes.Macro():
                yield from (node.name, "caller", "varargs", "kwargs")
            case nodes.CallBlock():
                yield from ("caller", "varargs", "kwargs")
