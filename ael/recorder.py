"""Results on their way to the scheduler: into the journal first, and nothing follows before its commit returned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ael import outcome
from ael.frame import Finish, Frame
from ael.ports import Journal, StepRecord
from ael.types import StepResult

__all__ = ["Recorder"]


class Recorder:
    """Records the results of one execution.

    Args:
        journal: Where to; ``None`` keeps them in memory alone, and everything follows at once.
        settle: Takes each result once it is recorded.
        go_on: Called when all that was recorded together has been settled.

    Attributes:
        pending: Results that wait for the commit of their pass of the loop.
    """

    __slots__ = ("_execution_id", "_go_on", "_journal", "_settle", "pending")

    def __init__(self, journal: Journal | None, execution_id: str, settle: Finish, go_on: Callable[[], None]) -> None:
        self.pending: list[tuple[Frame, int, StepResult]] = []
        self._journal = journal
        self._execution_id = execution_id
        self._settle = settle
        self._go_on = go_on

    def take_in(self, frame: Frame, number: int, result: StepResult) -> None:
        """Record a result: now, or with the others of this pass of the loop if the journal wants them together."""
        journal = self._journal
        if journal is None:
            self._settle(frame, number, result)
            self._go_on()
            return
        self.pending.append((frame, number, result))
        if len(self.pending) == 1:
            if journal.batched:
                asyncio.get_running_loop().call_soon(self._flush, journal)
            else:
                self._flush(journal)

    def _flush(self, journal: Journal) -> None:
        """One commit for all. A journal that fails makes failures of them: what is not written is not claimed."""
        batch, self.pending = self.pending, []
        try:
            journal.append([self._record(*entry) for entry in batch])
            journal.commit()
        except Exception as error:  # noqa: BLE001 - a journal may raise anything
            batch = [(frame, n, outcome.unwritten(frame.path(n), result, error)) for frame, n, result in batch]
        for frame, number, result in batch:
            self._settle(frame, number, result)
        self._go_on()

    def _record(self, frame: Frame, number: int, result: StepResult) -> StepRecord:
        return StepRecord(self._execution_id, frame.path(number), result.attempt, result)
