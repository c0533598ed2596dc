"""What runs of workflows and composite steps ask of the driver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import attrs

from ael.errors import AELError
from ael.frame import Finish, Frame, Host
from ael.plan import Plan
from ael.ports import Clock

__all__ = ["Source", "Stage"]


class Source(Protocol):
    """Something that has more to open, a little at a time."""

    def open_next(self) -> bool:
        """Open the next; whether there is more to open now."""
        ...


@attrs.frozen(eq=False)
class Stage:
    """The services of one execution.

    Attributes:
        calls: The workflows that steps call, by name; an error for one that is not to be had.
        undo_timeout, finally_timeout: Seconds.
        warn: Told, in a sentence, of what was not quite right.
        open: Begins a frame.
        stop: Lets nothing more start in a frame, for a reason, and stops what runs there.
        line_up: Starts steps of a frame that wait for nothing, when there is room.
        settle: Takes the result of a step that holds no task.
        enqueue: Has a source opened, as far as slots and turns go.
    """

    clock: Clock
    host: Host
    calls: Mapping[str, Plan | AELError]
    undo_timeout: float
    finally_timeout: float
    warn: Callable[[str], None]
    open: Callable[[Frame], None]
    stop: Callable[[Frame, str], None]
    line_up: Callable[[Frame, Sequence[int]], None]
    settle: Finish
    enqueue: Callable[[Source], None]
