"""What the sandbox changes in a syntax tree before it is compiled."""

from __future__ import annotations

from collections.abc import Iterable

from jinja2 import nodes

from ael.templates.sandbox import LOOP_OVER, UNLESS_NULL, SandboxEnvironment

__all__ = ["keep_value", "prepare"]


_LAST = "last"


def prepare(tree: nodes.Template, environment: SandboxEnvironment, *, rounds: bool) -> None:
    """Tell methods from keys, give every inline ``if`` its ``else``, and have loops and macros pay.

    ``rounds``: whether ``last`` is that of ``repeat``, below which everything is null before the first round.
    """
    bodies: list[nodes.For | nodes.Macro | nodes.CallBlock] = []
    for node in tree.find_all((nodes.Call, nodes.CondExpr, nodes.For, nodes.Macro, nodes.CallBlock)):
        match node:
            case nodes.Call(node=nodes.Getattr() as method):
                method.ctx = "call"
            case nodes.CondExpr(expr2=None):
                node.expr2 = nodes.Const(None, environment=environment)
            case nodes.For() | nodes.Macro() | nodes.CallBlock():
                bodies.append(node)
    if rounds:
        _allow_null(tree)
    if bodies:
        _charge(bodies)
    if bodies or rounds:
        tree.set_environment(environment)


def _allow_null(tree: nodes.Template) -> None:
    """Put every whole path under ``last`` into a call that gives null while ``last`` is."""
    for node in list(tree.find_all(nodes.Node)):
        for field, value in node.iter_fields():
            if field == "node" and _is_under_last(node):
                continue
            if isinstance(value, list):
                setattr(node, field, [_null_or(part) if _is_under_last(part) else part for part in value])
            elif _is_under_last(value):
                setattr(node, field, _null_or(value))


def _is_under_last(node: object) -> bool:
    """Whether the node reads something below ``last``, by constant keys or computed ones."""
    if not isinstance(node, nodes.Getattr | nodes.Getitem) or node.ctx == "call":
        return False
    owner = node.node
    return (isinstance(owner, nodes.Name) and owner.name == _LAST) or _is_under_last(owner)


def _null_or(path: nodes.Expr) -> nodes.Call:
    root = nodes.Name(_LAST, "load", lineno=path.lineno)
    return nodes.Call(nodes.EnvironmentAttribute(UNLESS_NULL), [root, path], [], None, None, lineno=path.lineno)


def _charge(bodies: list[nodes.For | nodes.Macro | nodes.CallBlock]) -> None:
    sizes = [_size(body.body) for body in bodies]  # first: what is put in must not count
    for body, size in zip(bodies, sizes, strict=True):
        if isinstance(body, nodes.For):
            _count_passes(body)
        body.body.insert(0, nodes.ExprStmt(nodes.Const(size), lineno=body.lineno))


def _count_passes(loop: nodes.For) -> None:
    size = nodes.Const(_size([] if loop.test is None else [loop.test]))
    counter = nodes.EnvironmentAttribute(LOOP_OVER)
    loop.iter = nodes.Call(counter, [loop.iter, size], [], None, None, lineno=loop.lineno)


def _size(body: Iterable[nodes.Node]) -> int:
    return sum(1 + sum(1 for _ in node.find_all(nodes.Node)) for node in body)


def keep_value(tree: nodes.Template, name: str) -> None:
    """Make the tree of one ``{{ expression }}`` store its value under ``name`` instead of writing it."""
    outputs = [child for output in tree.body if isinstance(output, nodes.Output) for child in output.nodes]
    expression = next(child for child in outputs if not isinstance(child, nodes.TemplateData))
    target = nodes.Name(name, "store", lineno=1, environment=tree.environment)
    tree.body = [nodes.Assign(target, expression, lineno=1, environment=tree.environment)]
