"""What the sandbox changes in a syntax tree before it is compiled."""

from __future__ import annotations

from collections.abc import Iterable

from jinja2 import nodes

from ael.templates.sandbox import LOOP_OVER, SandboxEnvironment

__all__ = ["keep_value", "prepare"]


def prepare(tree: nodes.Template, environment: SandboxEnvironment) -> None:
    """Tell methods from keys, give every inline ``if`` its ``else``, and have loops and macros pay."""
    bodies: list[nodes.For | nodes.Macro | nodes.CallBlock] = []
    for node in tree.find_all((nodes.Call, nodes.CondExpr, nodes.For, nodes.Macro, nodes.CallBlock)):
        match node:
            case nodes.Call(node=nodes.Getattr() as method):
                method.ctx = "call"
            case nodes.CondExpr(expr2=None):
                node.expr2 = nodes.Const(None, environment=environment)
            case nodes.For() | nodes.Macro() | nodes.CallBlock():
                bodies.append(node)
    if bodies:
        _charge(bodies)
        tree.set_environment(environment)


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
