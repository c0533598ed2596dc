"""Decisions of a scope, one at a time; random graphs are in tests/properties."""

from __future__ import annotations

import pytest

from ael.compiler import compile_plan
from ael.definition import Join
from ael.scheduler import Next, Scope
from ael.types import JsonValue, StepStatus
from tests.build import step, workflow

COMPLETED, FAILED, SKIPPED, CANCELLED = (
    StepStatus.COMPLETED,
    StepStatus.FAILED,
    StepStatus.SKIPPED,
    StepStatus.CANCELLED,
)


def scope_of(*steps: JsonValue, **fields: JsonValue) -> Scope:
    """A scope of steps a, b, c, … given by what they depend on."""
    made = (step(chr(ord("a") + i), after=after) for i, after in enumerate(steps))
    return Scope(compile_plan(workflow(*made, **fields)))


def running(*steps: JsonValue, **fields: JsonValue) -> Scope:
    """The same, with its first steps running."""
    scope = scope_of(*steps, **fields)
    for number in scope.begin().start:
        assert scope.run(number)
    return scope


def plain(following: Next) -> tuple[list[int], list[tuple[int, str]], list[int], bool]:
    return list(following.start), list(following.skipped), list(following.cancel), following.done


def test_a_scope_without_steps_is_done_before_it_begins() -> None:
    scope = scope_of()
    assert plain(scope.begin()) == ([], [], [], True)
    assert scope.done


def test_steps_ready_together_start_in_file_order_whatever_was_named_first() -> None:
    scope = running("d", "d", "b a", "")
    assert plain(scope.settle(3, COMPLETED)) == ([0, 1], [], [], False)


def test_a_step_waits_for_the_last_of_those_it_names() -> None:
    scope = running("", "", "a b")
    assert plain(scope.settle(1, COMPLETED)) == ([], [], [], False)
    assert plain(scope.settle(0, COMPLETED)) == ([2], [], [], False)
    assert scope.run(2)
    assert plain(scope.settle(2, COMPLETED)) == ([], [], [], True)


def test_a_skip_travels_only_when_all_dependencies_have_settled() -> None:
    scope = running("", "", "a b", "c")
    assert plain(scope.settle(0, SKIPPED, taken=False)) == ([], [], [], False), "b still runs"
    assert scope.status[2] is StepStatus.PENDING
    assert plain(scope.settle(1, COMPLETED)) == ([], [(2, "dependency: a"), (3, "dependency: c")], [], True)


def test_the_first_of_two_causes_is_the_reason() -> None:
    scope = running("", "", "a b")
    scope.settle(1, SKIPPED, taken=False)
    assert plain(scope.settle(0, SKIPPED, taken=False)) == ([], [(2, "dependency: b")], [], True)


def test_a_step_skipped_by_its_error_policy_skips_nobody() -> None:
    scope = running("", "a")
    assert plain(scope.settle(0, SKIPPED)) == ([1], [], [], False)


def test_sequence_orders_and_does_not_skip() -> None:
    scope = running("", "", sequential=True)
    assert plain(scope.settle(0, SKIPPED, taken=False)) == ([1], [], [], False)


def test_a_skip_and_a_start_can_follow_from_one_event() -> None:
    scope = running("", "a", "", "c", sequential=True)
    assert plain(scope.settle(0, SKIPPED, taken=False)) == ([2], [(1, "dependency: a")], [], False)


def test_skips_spread_in_the_order_in_which_they_follow() -> None:
    scope = running("", "d", "a", "a")
    following = plain(scope.settle(0, SKIPPED, taken=False))
    assert following == ([], [(2, "dependency: a"), (3, "dependency: a"), (1, "dependency: d")], [], True)


def test_one_skip_elsewhere_changes_nothing_for_others() -> None:
    scope = running("", "", "b", "a")
    assert plain(scope.settle(0, SKIPPED, taken=False)) == ([], [(3, "dependency: a")], [], False)
    assert plain(scope.settle(1, COMPLETED)) == ([2], [], [], False)


def test_a_failure_stops_the_scope_once() -> None:
    scope = running("", "", "", "a b")
    assert plain(scope.settle(1, FAILED)) == ([], [(3, "stopped: b")], [0, 2], False)
    assert scope.stopped == "stopped: b"
    assert plain(scope.settle(0, FAILED)) == ([], [], [], False), "the first failure is the reason"
    assert scope.stopped == "stopped: b"
    assert plain(scope.stop("cancelled")) == ([], [], [], False)
    assert plain(scope.settle(2, CANCELLED)) == ([], [], [], True)


def test_a_ready_step_does_not_start_after_a_stop() -> None:
    scope = scope_of("", "")
    assert list(scope.begin().start) == [0, 1]
    assert scope.run(0)
    scope.settle(0, FAILED)
    assert not scope.run(1)
    assert scope.status[1] is SKIPPED


def test_stopped_before_it_begins_it_starts_nothing() -> None:
    scope = scope_of("", "a")
    assert plain(scope.stop("cancelled")) == ([], [(0, "cancelled"), (1, "cancelled")], [], True)
    assert plain(scope.begin()) == ([], [], [], True)


def test_nothing_leaves_a_final_status() -> None:
    scope = running("")
    scope.settle(0, COMPLETED)
    with pytest.raises(AssertionError, match="settled before"):
        scope.settle(0, FAILED)
    assert not scope.run(0)


@pytest.mark.parametrize("status", [StepStatus.PENDING, StepStatus.RUNNING, StepStatus.WAITING, StepStatus.IN_DOUBT])
def test_only_final_statuses_settle(status: StepStatus) -> None:
    scope = running("")
    with pytest.raises(AssertionError, match="not final"):
        scope.settle(0, status)
    assert not scope.done


def joining(*steps: tuple[str, str, Join | None]) -> Scope:
    """A scope of steps given by id, what they depend on, and their join; with its first steps running."""
    scope = Scope(compile_plan(workflow(*(step(name, after=after, join=join) for name, after, join in steps))))
    for number in scope.begin().start:
        assert scope.run(number)
    return scope


FIRST = Join(at_least=1, cancel_rest=True)


def test_what_a_join_cancels_in_the_instant_in_which_it_would_be_skipped_settles_once() -> None:
    scope = joining(("no", "", None), ("yes", "", None), ("x", "no yes", None), ("j", "yes x", FIRST), ("z", "", None))
    assert plain(scope.settle(0, SKIPPED, taken=False)) == ([], [], [], False)
    assert plain(scope.settle(1, COMPLETED)) == ([3], [(2, "cancelled")], [], False)


def test_a_join_that_was_cancelled_cancels_nobody() -> None:
    """``inner`` loses to ``a``; that ``b`` completes later, which it was waiting for, is no matter of ``c``."""
    scope = joining(
        ("a", "", None), ("b", "", None), ("c", "", None), ("inner", "b c", FIRST), ("j", "a inner", FIRST),
        ("keeps", "b c", None),
    )  # fmt: skip
    assert plain(scope.settle(0, COMPLETED)) == ([4], [(3, "cancelled")], [], False)
    assert plain(scope.settle(1, COMPLETED)) == ([], [], [], False)


def test_what_the_block_is_about_is_not_cancelled_with_what_it_feeds() -> None:
    """Its output is its last step's."""
    scope = joining(("a", "", None), ("x", "feeds", None), ("j", "a x", FIRST), ("feeds", "", None))
    assert plain(scope.settle(0, COMPLETED)) == ([2], [(1, "cancelled")], [], False)


def test_two_joins_reached_at_once_cancel_what_feeds_only_what_either_cancels() -> None:
    scope = joining(
        ("a", "", None), ("feeds", "", None), ("x", "feeds", None), ("y", "feeds", None),
        ("j", "a x", FIRST), ("k", "a y", FIRST), ("last", "", None),
    )  # fmt: skip
    assert plain(scope.settle(0, COMPLETED)) == ([4, 5], [(2, "cancelled"), (3, "cancelled")], [1], False)


def test_a_very_long_chain_of_skips_needs_no_stack() -> None:
    steps = [step("s0")] + [step(f"s{i}", after=f"s{i - 1}") for i in range(1, 5000)]
    scope = Scope(compile_plan(workflow(*steps)))
    scope.run(0)
    following = scope.settle(0, SKIPPED, taken=False)
    assert [number for number, _ in following.skipped] == list(range(1, 5000))
    assert following.done


def test_repr_says_how_far_it_is() -> None:
    scope = running("", "a")
    assert repr(scope) == "<Scope 'w', 2 of 2 unsettled>"
    scope.settle(0, COMPLETED)
    assert repr(scope) == "<Scope 'w', 1 of 2 unsettled>"
