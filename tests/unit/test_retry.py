"""Which failures are tried again, and after how long."""

from __future__ import annotations

import math
import random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.errors import REGISTRY, AELError, CodeError, ToolError, ToolUnavailableError
from ael.retry import NEVER_RETRIED, UNKNOWN_OUTCOME, next_delay, wait_before
from ael.types import Backoff, JsonValue, RetryConfig

EXPONENTIAL, LINEAR, FIXED = Backoff.EXPONENTIAL, Backoff.LINEAR, Backoff.FIXED


@attrs.frozen
class Always:
    """Chance that always says the same."""

    value: float = 0.0

    def random(self) -> float:
        return self.value


def policy(**fields: JsonValue) -> RetryConfig:
    """Five attempts, a second apart, without jitter, unless a test says otherwise."""
    return RetryConfig(**{"max_attempts": 5, "backoff": FIXED, "jitter": "none"} | fields)


def is_retried(error: AELError, *, may_repeat: bool = True, **fields: JsonValue) -> bool:
    return next_delay(policy(**fields), 1, error, Always(), may_repeat=may_repeat) is not None


# -- how long --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "waits"),
    [
        ({"backoff": EXPONENTIAL}, [1, 2, 4, 8]),  # 1·2⁰ 1·2¹ 1·2² 1·2³
        ({"backoff": EXPONENTIAL, "delay": 0.5, "multiplier": 3}, [0.5, 1.5, 4.5, 13.5]),  # 0.5·3⁰ … 0.5·3³
        ({"backoff": EXPONENTIAL, "max_delay": 5}, [1, 2, 4, 5]),  # 8 is over 5
        ({"backoff": EXPONENTIAL, "max_delay": 4}, [1, 2, 4, 4]),  # 4 is the cap itself
        ({"backoff": EXPONENTIAL, "multiplier": 1}, [1, 1, 1, 1]),  # 1·1ⁿ
        ({"backoff": EXPONENTIAL, "delay": 8, "multiplier": 0.5}, [8, 4, 2, 1]),  # 8·½ⁿ
        ({"backoff": EXPONENTIAL, "delay": 3, "multiplier": 0}, [3, 0, 0, 0]),  # 0⁰ is 1
        ({"backoff": LINEAR, "delay": 2}, [2, 4, 6, 8]),  # 2 2·2 3·2 4·2
        ({"backoff": LINEAR, "delay": 25, "max_delay": 60}, [25, 50, 60, 60]),  # 75 is over 60
        ({"backoff": FIXED, "delay": 2}, [2, 2, 2, 2]),
        ({"backoff": FIXED, "delay": 90}, [60, 60, 60, 60]),  # the cap of 60 s is there without being named
        ({"backoff": LINEAR, "delay": 90}, [60, 60, 60, 60]),
        ({"backoff": EXPONENTIAL, "delay": 90}, [60, 60, 60, 60]),
        ({"backoff": EXPONENTIAL, "max_delay": 0}, [0, 0, 0, 0]),
        ({"backoff": LINEAR, "delay": 0}, [0, 0, 0, 0]),
        ({"backoff": FIXED, "delay": 0}, [0, 0, 0, 0]),
        ({"backoff": EXPONENTIAL, "delay": 0}, [0, 0, 0, 0]),
    ],
    ids=["d dm dmm", "multiplier 3", "capped", "cap met", "multiplier 1", "shrinking", "multiplier 0", "d 2d 3d",
         "linear capped", "d d d", "default cap, fixed", "default cap, linear", "default cap, exponential",
         "cap 0", "linear 0", "fixed 0", "exponential 0"],
)  # fmt: skip
def test_waits_before_attempts_2_to_5(fields: dict[str, JsonValue], waits: list[float]) -> None:
    assert [wait_before(policy(**fields), attempt) for attempt in (2, 3, 4, 5)] == waits
    failures = [next_delay(policy(**fields), attempt, ToolError("no"), Always()) for attempt in (1, 2, 3, 4)]
    assert failures == waits


def test_the_defaults_are_those_of_the_page() -> None:
    fields = attrs.asdict(RetryConfig())
    assert fields == {
        "max_attempts": 3, "backoff": EXPONENTIAL, "delay": 1, "multiplier": 2, "max_delay": 60, "jitter": 0.1,
        "on": (), "except_": (), "on_exhausted": "fail",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("jitter", "chance", "wait"),
    [
        ("none", 0.5, 8),
        ("full", 0.0, 0),  # 8·0
        ("full", 0.5, 4),  # 8·0.5
        (0.25, 0.0, 8),  # 8·(1 + 0.25·0)
        (0.25, 0.5, 9),  # 8·(1 + 0.25·0.5)
        (1, 0.5, 12),  # 8·(1 + 1·0.5)
        (0, 0.5, 8),
    ],
    ids=["none", "full, least", "full, half", "fraction, least", "fraction, half", "whole number", "nothing"],
)
def test_jitter(jitter: JsonValue, chance: float, wait: float) -> None:
    assert next_delay(policy(delay=8, jitter=jitter), 1, ToolError("no"), Always(chance)) == wait


def test_jitter_is_added_after_the_cap() -> None:
    # 100 is capped at 10, then up to 50 % more: 10·(1 + 0.5·0.5)
    assert next_delay(policy(delay=100, max_delay=10, jitter=0.5), 1, ToolError("no"), Always(0.5)) == 12.5


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [(None, 2), (0, 2), (1.5, 2), (3600, 3600), (-5, 2), (math.nan, 2)],
    ids=["nothing said", "zero", "shorter", "longer, beyond the cap", "negative", "no number"],
)
def test_a_longer_delay_named_by_the_error_wins(retry_after: float | None, wait: float) -> None:
    assert next_delay(policy(delay=2), 1, ToolError("busy", retry_after=retry_after), Always()) == wait


def test_the_last_attempt_is_followed_by_none() -> None:
    assert next_delay(policy(max_attempts=3), 2, ToolError("no"), Always()) == 1
    assert next_delay(policy(max_attempts=3), 3, ToolError("no"), Always()) is None
    assert next_delay(policy(max_attempts=1), 1, ToolError("no", retry_after=1), Always()) is None
    assert next_delay(policy(max_attempts=3), 4, ToolError("no"), Always()) is None, "the policy may have shrunk"


legal_delays = st.floats(0, 1e9) | st.integers(0, 10**9)
legal_policies = st.builds(
    RetryConfig,
    max_attempts=st.integers(1, 10_000),
    backoff=st.sampled_from(Backoff),
    delay=legal_delays,
    multiplier=st.floats(0, 1e300) | st.integers(0, 1000),
    max_delay=legal_delays,
    jitter=st.sampled_from(["none", "full"]) | st.floats(0, 1),
)


@given(legal_policies, st.integers(1, 3000), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e6))
def test_no_legal_policy_overflows_or_waits_beyond_its_cap(
    legal: RetryConfig, attempt: int, chance: float, retry_after: float | None
) -> None:
    delay = next_delay(legal, attempt, ToolError("no", retry_after=retry_after), Always(chance))
    if attempt >= legal.max_attempts:
        assert delay is None
        return
    assert delay is not None
    assert math.isfinite(delay)
    fraction = legal.jitter if isinstance(legal.jitter, float) else 0.0
    most = legal.max_delay * (1 + fraction)
    assert 0 <= delay <= max(most, retry_after or 0.0) * (1 + 1e-12)
    if retry_after is not None:
        assert delay >= retry_after


@given(legal_policies, st.integers(2, 40))
def test_waits_are_the_formula(legal: RetryConfig, attempt: int) -> None:
    n = attempt - 2
    try:
        formula = {EXPONENTIAL: legal.delay * legal.multiplier**n, LINEAR: legal.delay * (n + 1), FIXED: legal.delay}
    except OverflowError:
        formula = dict.fromkeys(Backoff, math.inf)
        if not legal.delay:
            formula = dict.fromkeys(Backoff, 0)
    if legal.backoff is EXPONENTIAL or formula[EXPONENTIAL] != math.inf:
        assert wait_before(legal, attempt) == pytest.approx(min(formula[legal.backoff], legal.max_delay))


@pytest.mark.parametrize("multiplier", [2, 2.0], ids=["whole", "float"])
def test_a_delay_of_nothing_stays_nothing(multiplier: float) -> None:
    patient = policy(max_attempts=10**6, backoff=EXPONENTIAL, delay=0.0, multiplier=multiplier)
    assert wait_before(patient, 1025) == 0
    assert wait_before(patient, 1026) == 0, "where a float 2ⁿ ends"
    assert wait_before(patient, 10**6) == 0


def test_chance_comes_from_outside() -> None:
    wobbly = policy(jitter="full", delay=10)
    one = [next_delay(wobbly, 1, ToolError("no"), random.Random("a")) for _ in range(3)]
    assert len(set(one)) == 1
    assert one[0] != next_delay(wobbly, 1, ToolError("no"), random.Random("b"))


# -- which -----------------------------------------------------------------------------------------


def test_the_never_retried_are_those_of_the_page() -> None:
    page = """TEMPLATE_ERROR PARAM_INVALID CODE_SYNTAX CODE_UNSUPPORTED CODE_SECURITY CODE_LIMIT
        WORKFLOW_INVALID INPUT_INVALID ITEMS_FAILED REPEAT_EXHAUSTED"""
    assert set(page.split()) == NEVER_RETRIED
    assert {"TOOL_LOST", "TOOL_TIMEOUT"} == UNKNOWN_OUTCOME


@pytest.mark.parametrize("code", sorted(NEVER_RETRIED))
def test_what_is_never_retried_cannot_be_named_back_in(code: str) -> None:
    assert not is_retried(AELError("no", code=code))
    assert not is_retried(AELError("no", code=code, retryable=True))
    assert not is_retried(AELError("no", code=code, retryable=True), on=(code,))


LOST, SLOW = ToolError("lost", code="TOOL_LOST"), ToolError("slow", code="TOOL_TIMEOUT")
MISSING, DOWN = ToolUnavailableError("nobody"), ToolUnavailableError("down", retryable=True)
FINAL = ToolError("never", retryable=False)


@pytest.mark.parametrize(
    ("error", "fields", "expected"),
    [
        (ToolError("no"), {}, True),
        (FINAL, {}, False),
        (FINAL, {"on": ("TOOL_FAILED",)}, True),
        (FINAL, {"on": ("OTHER",)}, False),
        (ToolError("no"), {"on": ("OTHER",)}, False),
        (ToolError("no", code="MINE"), {}, True),
        (ToolError("no", code="MINE"), {"on": ("MINE", "OTHER")}, True),
        (ToolError("no", code="MINE"), {"except_": ("MINE",)}, False),
        (ToolError("no", code="MINE"), {"on": ("MINE",), "except_": ("MINE",)}, False),
        (ToolError("no", code="MINE"), {"except_": ("OTHER",)}, True),
        (ToolError("no", code="MINE", retryable=False), {"except_": ("OTHER",)}, False),
        (CodeError("no"), {}, True),
        (CodeError("slow", code="CODE_TIMEOUT"), {}, True),
        (AELError("over", code="STEP_TIMEOUT"), {}, False),
        (AELError("bug", code="INTERNAL_ERROR"), {}, False),
        (MISSING, {}, False),
        (MISSING, {"on": ("TOOL_UNAVAILABLE",)}, False),
        (DOWN, {}, True),
        (DOWN, {"on": ("TOOL_UNAVAILABLE",)}, True),
        (DOWN, {"on": ("OTHER",)}, False),
        (LOST, {}, True),
        (SLOW, {}, True),
        (LOST, {"may_repeat": False}, False),
        (SLOW, {"may_repeat": False}, False),
        (SLOW, {"may_repeat": False, "on": ("TOOL_TIMEOUT",)}, False),
        (SLOW, {"on": ("TOOL_TIMEOUT",)}, True),
        (SLOW, {"except_": ("TOOL_TIMEOUT",)}, False),
        (ToolError("no"), {"may_repeat": False}, True),
    ],
    ids=["a failure", "says no", "on wins over that", "other on, says no", "other on", "own code", "own code in on",
         "except", "except wins over on", "except others", "except others, says no", "code", "code too slow",
         "total timeout", "a bug", "unknown tool", "unknown tool in on", "server down", "server down in on",
         "server down, other on", "lost, may repeat", "slow, may repeat", "lost", "slow", "slow in on",
         "slow in on, may repeat", "slow in except", "known outcome needs no leave"],
)  # fmt: skip
def test_which_failures_are_retried(error: AELError, fields: dict[str, JsonValue], expected: bool) -> None:
    assert is_retried(error, **fields) is expected


@given(st.sampled_from([spec.code for spec in REGISTRY] + ["MINE", "X"]), st.booleans(), st.booleans(), st.booleans())
def test_no_code_is_retried_where_it_may_not(code: str, named: bool, retryable: bool, may_repeat: bool) -> None:
    error = AELError("no", code=code, retryable=retryable)
    retried = is_retried(error, may_repeat=may_repeat, on=(code,) if named else ())
    if code in NEVER_RETRIED or (code in UNKNOWN_OUTCOME and not may_repeat):
        assert not retried
    elif code == "TOOL_UNAVAILABLE":
        assert retried is retryable
    else:
        assert retried is (named or retryable)
