"""The list that a composite step goes through: its values, their keys and paths, and how many may fail."""

from __future__ import annotations

from collections.abc import Sequence

from ael.context import ExecutionContext
from ael.errors import AELError
from ael.plan import PlanForEach, PlanStep
from ael.templates import StepView
from ael.templates.reading import template_error, to_text, type_word
from ael.types import JsonValue, StepResult, StepStatus

__all__ = ["Listing"]

_KEYS_AT_ONCE = 100
_SHOWN = 20


class Listing:
    """What there is to do, one by one. Without ``for_each`` it is one thing without a name.

    Attributes:
        loop: The ``for_each``, or ``None``.
        values: The items.
        keys: Those read so far; none for a loop without ``key``.
    """

    __slots__ = ("_known", "_path", "_step", "keys", "loop", "values")

    def __init__(self, step: PlanStep, path: str) -> None:
        self._step = step
        self._path = path
        self.loop: PlanForEach | None = step.for_each
        self.values: list[JsonValue] = [None]
        self.keys: list[str] = []
        self._known: dict[str, int] = {}

    def read(self, context: ExecutionContext, view: StepView | None) -> None:
        """Make the list of a loop.

        Raises:
            AELError, SkippedOutputError: It cannot be made, or is no list.
        """
        if self.loop is None:
            return
        values = self.loop.items(context, view)
        if not isinstance(values, list):
            what = "an object; `| values` lists what is in it" if isinstance(values, dict) else type_word(values)
            written = self._step.definition.for_each
            text = written.items if written is not None and isinstance(written.items, str) else "for_each"
            raise template_error(text, f"`for_each` needs a list, and this is {what}")
        self.values = values

    @property
    def lacks_keys(self) -> bool:
        """Whether there are keys to be read; all are read before the first item is begun."""
        return self.loop is not None and self.loop.key is not None and len(self.keys) < len(self.values)

    def read_keys(self, context: ExecutionContext, view: StepView | None) -> None:
        """Read some more keys.

        Raises:
            AELError, SkippedOutputError: One cannot be made, is no text or number, or stands twice.
        """
        assert self.loop is not None, "only loops have keys"
        assert self.loop.key is not None, "and only some of them"
        shell = context.inner(context.plan, "")
        for index in range(len(self.keys), min(len(self.keys) + _KEYS_AT_ONCE, len(self.values))):
            shell.roots = {**context.roots, **self.names(index)}
            self._add_key(self.loop.key(shell, view), index)

    def _add_key(self, value: JsonValue, index: int) -> None:
        written = self._step.definition.for_each
        text = (written.key if written is not None else None) or "key"
        key = "" if isinstance(value, dict | list) else to_text(value)
        if not key:
            what = "an empty text" if value == "" else type_word(value)
            raise template_error(text, f"the key of item {index} must be a text or a number, not {what}")
        first = self._known.setdefault(key, index)
        if first != index:
            raise template_error(text, f"items {first} and {index} have the same key, {key!r}")
        self.keys.append(key)

    def key(self, index: int) -> str | None:
        """The item's key, if the loop has some."""
        return self.keys[index] if self.keys else None

    def names(self, index: int) -> dict[str, JsonValue]:
        """What templates and code of an item see beside everything else."""
        return {} if self.loop is None else {self.loop.name: self.values[index], "index": index}

    def path(self, index: int) -> str:
        """The item's path in the execution."""
        return self._path if self.loop is None else f"{self._path}[{self.keys[index] if self.keys else index}]"

    @property
    def tolerated(self) -> int:
        """How many items may fail."""
        return 0 if self.loop is None else self.loop.tolerated(len(self.values))

    def failure(self, results: Sequence[StepResult | None], first: AELError) -> AELError:
        """The error of a loop of which too many items have failed; ``first`` is the one that was too many."""
        failed = [
            {"index": index, "key": result.key, "code": result.error.code, "message": result.error.message}
            for index, result in enumerate(results)
            if result is not None and result.status is StepStatus.FAILED and result.error is not None
        ]
        may = f"{self.tolerated} may" if self.tolerated else "none may"
        error = AELError(
            f"{len(failed)} of {len(self.values)} items failed, and {may}: {first.code}: {first.message}",
            code="ITEMS_FAILED",
            details={"items": failed[:_SHOWN], "failed": len(failed), "size": len(self.values)},
        )
        error.__cause__ = first
        return error
