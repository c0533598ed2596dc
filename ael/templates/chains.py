"""The chains of constant keys in a syntax tree, with their places."""

from __future__ import annotations

from jinja2 import nodes

from ael.templates.references import Chain, Key
from ael.templates.tokens import Tokens

__all__ = ["ChainReader"]


class ChainReader:
    """Reads chains off the tree of one template."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def chain(self, node: nodes.Node) -> Chain | None:
        """The root and constant keys of a lookup; ``None`` if it starts at something that is no name."""
        if isinstance(node, nodes.Name):
            start = node.lineno - 1
            return Chain(node.name, start, start + len(node.name)) if node.ctx == "load" else None
        if isinstance(node, nodes.Call):
            return self.chain_of_get(node)
        if not isinstance(node, nodes.Getattr | nodes.Getitem):
            return None
        chain = self.chain(node.node)
        if chain is None or chain.computed:
            return chain
        key, end = self._key(node)
        if key is None:
            return Chain(chain.root, chain.start, chain.end, chain.keys, computed=True)
        return Chain(chain.root, chain.start, end, (*chain.keys, key))

    def chain_of_get(self, node: nodes.Call) -> Chain | None:
        """``steps.get("a")`` names a step as ``steps["a"]`` does; any other call ends the chain."""
        method = node.node
        if not isinstance(method, nodes.Getattr):
            return None
        chain = self.chain(method.node)
        if chain is None:
            return None
        constant = node.args[0] if node.args else None
        is_get = chain.root == "steps" and not chain.keys and method.attr == "get"
        if is_get and isinstance(constant, nodes.Const) and isinstance(constant.value, str):
            key = self._constant_key(constant, constant.value)
            closing = self._tokens.following.get(constant.lineno - 1, key.end)
            return Chain(chain.root, chain.start, self._tokens.ends.get(closing, key.end + 1), (key,))
        return None

    def _key(self, node: nodes.Getattr | nodes.Getitem) -> tuple[Key | None, int]:
        """The constant key of a lookup and where the lookup ends."""
        opening = node.lineno - 1
        start = self._tokens.following.get(opening, opening + 1)
        end = self._tokens.ends.get(start, start)
        if isinstance(node, nodes.Getattr):
            return Key(node.attr, start, end), end
        argument, sign = node.arg, 1
        if isinstance(argument, nodes.Neg):
            argument, sign = argument.node, -1
        if not isinstance(argument, nodes.Const) or isinstance(argument.value, bool):
            return None, end
        if isinstance(argument.value, int):
            key = Key(sign * argument.value, start, self._tokens.ends.get(argument.lineno - 1, end))
        elif isinstance(argument.value, str) and sign == 1:
            key = self._constant_key(argument, argument.value)
        else:
            return None, end
        after = self._tokens.following.get(argument.lineno - 1, end)
        return key, self._tokens.ends.get(after, key.end) if node.arg.lineno - 1 != opening else key.end

    def _constant_key(self, node: nodes.Const, value: str) -> Key:
        start = node.lineno - 1
        return Key(value, start + 1, self._tokens.ends.get(start, start + 2) - 1)
