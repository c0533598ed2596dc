"""One item of a loop over a tool or code alone: the usual one, and the one there may be ten thousand of.

Its retries are its task's own and it has no rounds, so there is nothing to do between its scope and its result.
"""

from __future__ import annotations

from collections.abc import Mapping

from ael.frame import Frame
from ael.item import Owner
from ael.plan import Plan
from ael.stage import Stage
from ael.types import JsonValue, StepStatus

__all__ = ["PlainItem"]

_COMPLETED = StepStatus.COMPLETED
_FIRST = (0,)


class PlainItem:
    """Does what :class:`ael.item.Item` does, where the body is a tool or code, without ``repeat``."""

    __slots__ = ("_body", "_index", "_owner", "_stage")

    def __init__(
        self,
        owner: Owner,
        stage: Stage,
        frame: Frame,
        plan: Plan,
        index: int,
        *,
        path: str,
        roots: Mapping[str, JsonValue],
    ) -> None:
        self._owner = owner
        self._stage = stage
        self._index = index
        self._body = Frame(stage.host, frame.context.inner(plan, path, roots), frame.run, self._close)

    def begin(self) -> None:
        """Let it start when there is room."""
        self._stage.line_up(self._body, _FIRST)

    def stop(self, reason: str) -> None:
        """End it. Idempotent; it may have ended when this returns."""
        self._stage.stop(self._body, reason)

    def _close(self) -> None:
        body = self._body
        context = body.context
        result = context.results[0]
        assert result is not None, "it has settled"
        undo = context.plan.steps[0].undo
        if undo is not None and body.run.undoing and result.status is _COMPLETED:
            body.run.remember(undo, context, context.prefix, result.output)
        self._owner.item_ended(self._index, result)
