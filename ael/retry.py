"""Whether a failed attempt is followed by another, and after how long. Pure: no clock, no sleep.

docs/language.md, section 5. The waits come from the wait generators of the ``backoff`` package; ``backoff``
has no linear one, that is ours.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import lru_cache
from itertools import islice, repeat
from typing import Protocol

import backoff

from ael.errors import AELError
from ael.types import Backoff, RetryConfig

__all__ = ["NEVER_RETRIED", "UNKNOWN_OUTCOME", "Rng", "next_delay", "wait_before"]

NEVER_RETRIED = frozenset(
    {
        "TEMPLATE_ERROR",
        "PARAM_INVALID",
        "CODE_SYNTAX",
        "CODE_UNSUPPORTED",
        "CODE_SECURITY",
        "CODE_LIMIT",
        "WORKFLOW_INVALID",
        "INPUT_INVALID",
        "ITEMS_FAILED",
        "REPEAT_EXHAUSTED",
    }
)
"""Codes whose cause is still there the next time. ``retry.on`` cannot name them back in."""

UNKNOWN_OUTCOME = frozenset({"TOOL_LOST", "TOOL_TIMEOUT"})
"""Codes after which the call may or may not have taken effect."""


_LONGEST = 366 * 86400.0
"""Seconds; whoever asks for more has made a mistake."""


class Rng(Protocol):
    """As much of ``random.Random`` as jitter needs."""

    def random(self) -> float:
        """Uniform, 0 ≤ x < 1."""
        ...


def next_delay(
    policy: RetryConfig, attempt: int, error: AELError, rng: Rng, *, may_repeat: bool = True
) -> float | None:
    """Seconds to wait after failed ``attempt`` (from 1), or ``None`` to give up.

    Args:
        may_repeat: Whether an attempt of unknown outcome may be made again: the tool is read-only or
            idempotent, or the step itself asks for retries.

    A longer delay named by the error wins over the policy's, jitter included.
    """
    if attempt >= policy.max_attempts or not _is_retried(policy, error, may_repeat):
        return None
    delay = _with_jitter(wait_before(policy, attempt + 1), policy, rng)
    return max(delay, min(error.retry_after or 0.0, _LONGEST))


def _is_retried(policy: RetryConfig, error: AELError, may_repeat: bool) -> bool:
    """That list over ``on``, ``on`` over what the error says of itself."""
    code = error.code
    if code in NEVER_RETRIED or code in policy.except_:
        return False
    if code == "TOOL_UNAVAILABLE" and not error.retryable:
        return False  # nobody offers the tool; a server that is down says retryable
    if code in UNKNOWN_OUTCOME and not may_repeat:
        return False
    if policy.on:
        return code in policy.on
    return error.retryable


def wait_before(policy: RetryConfig, attempt: int) -> float:
    """Seconds before ``attempt`` (from 2), without jitter, capped at ``max_delay``."""
    return _waits(policy.backoff, policy.delay, policy.multiplier, policy.max_delay, attempt)


@lru_cache(maxsize=1024)
def _waits(kind: Backoff, delay: float, multiplier: float, max_delay: float, attempt: int) -> float:
    if not delay:
        return 0.0  # and no overflow of a power that counts for nothing
    generator = _GENERATORS[kind](delay, multiplier, max_delay)
    generator.send(None)  # backoff's generators yield nothing useful first
    try:
        return min(next(islice(generator, attempt - 2, None)), max_delay)
    except OverflowError:
        return max_delay


def _exponential(delay: float, multiplier: float, max_delay: float) -> Generator[float, None, None]:
    # Capped by the caller: backoff's own cap is for waits that grow, and a multiplier may be below 1. A float
    # power overflows, where whole numbers would grow for ever.
    waits: Generator[float, None, None] = backoff.expo(base=float(multiplier), factor=delay, max_value=None)
    return waits


def _fixed(delay: float, multiplier: float, max_delay: float) -> Generator[float, None, None]:
    waits: Generator[float, None, None] = backoff.constant(interval=repeat(delay))
    return waits


def _linear(delay: float, multiplier: float, max_delay: float) -> Generator[float, None, None]:
    yield 0.0
    wait = delay
    while True:
        yield min(wait, max_delay)
        wait += delay


_GENERATORS = {Backoff.EXPONENTIAL: _exponential, Backoff.LINEAR: _linear, Backoff.FIXED: _fixed}


def _with_jitter(wait: float, policy: RetryConfig, rng: Rng) -> float:
    """``full``: anything up to the wait; a fraction: up to so much more, after the cap."""
    match policy.jitter:
        case "none":
            return wait
        case "full":
            return wait * rng.random()
        case fraction:
            assert isinstance(fraction, float | int)
            return wait * (1.0 + fraction * rng.random())
