"""Edges and cycles, against definitions that are too slow to be used."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ael.dataflow import analyse
from ael.definition import CodeBody, StepDefinition
from ael.graph import Waits, dependents, edges, find_cycle, named_edges, settling_order
from tests.build import step, workflow

READ = {"x": "{{ steps.a.output }}"}


@pytest.mark.parametrize(
    ("steps", "sequential", "expected"),
    [
        ([step("a"), step("b")], False, ((), ())),
        ([step("a"), step("b", after="a")], False, ((), (0,))),
        ([step("b", "ok", READ), step("a")], False, ((1,), ())),
        ([step("a"), step("b", "ok", READ, after="a")], False, ((), (0,))),
        ([step("a"), step("b", when="steps.a.success")], False, ((), (0,))),
        ([step("a"), step("b", fallback="{{ steps.a.output }}")], False, ((), (0,))),
        ([step("a"), step("b", "ok", {"deep": [{"x": ["{{ steps.a.status }}"]}]})], False, ((), (0,))),
        ([step("a"), step("b", after="nobody a")], False, ((), (0,))),
        ([step("a"), step("b"), step("c", after="a")], True, ((), (0,), (0, 1))),
        ([step("a", after="a")], False, ((0,),)),
        ([step("a"), step("b"), step("c", "ok", {"x": "{{ steps[inputs.n].output }}"})], False, ((), (), (0, 1))),
        ([step("a"), step("b"), step("c", "ok", {"x": "{{ steps[inputs.n].output }}"}, after="b")], False,
         ((), (), (1,))),
        ([StepDefinition("c", CodeBody("return steps.a.output + steps['b'].output")), step("a"), step("b")], False,
         ((1, 2), (), ())),
        ([step("a"), StepDefinition("c", CodeBody("return context.steps['a'].output"))], False, ((), (0,))),
        ([step("a"), step("b"), StepDefinition("c", CodeBody("for x in steps: pass"))], False, ((), (), (0, 1))),
    ],
    ids=["none", "named", "read, forwards", "named and read, once", "condition", "fallback", "deep in params",
         "unknown names are left out", "sequential adds the one before", "itself", "any step: all above",
         "any step: what it names", "code", "code of old files", "code that reads any step"],
)  # fmt: skip
def test_edges(steps: list[StepDefinition], sequential: bool, expected: Waits) -> None:
    assert edges(analyse(workflow(*steps, sequential=sequential))) == expected


def test_a_skip_has_only_the_named_edges() -> None:
    flow = analyse(workflow(step("a"), step("b"), step("c", "ok", READ, after="b nobody"), sequential=True))
    assert named_edges(flow) == ((), (), (1,))
    assert edges(flow) == ((), (0,), (0, 1))


@pytest.mark.parametrize(
    ("waits", "cycle"),
    [
        ((), None),
        (((),), None),
        (((0,),), (0, 0)),
        (((1,), (0,)), (0, 1, 0)),
        (((), (2,), (3,), (1,)), (1, 2, 3, 1)),
        (((2,), (), (3,), (4,), (2,)), (2, 3, 4, 2)),
        (((1,), (0,), (3,), (2,)), (0, 1, 0)),
        (((), (0, 3), (1,), (2,)), (1, 3, 2, 1)),
    ],
    ids=[
        "empty",
        "one step",
        "itself",
        "two",
        "not all",
        "the way in is left out",
        "first of two",
        "in order of waiting",
    ],
)
def test_cycles(waits: Waits, cycle: tuple[int, ...] | None) -> None:
    assert find_cycle(waits) == cycle


@st.composite
def any_graph(draw: st.DrawFn) -> Waits:
    count = draw(st.integers(0, 7))
    numbers = st.frozensets(st.integers(0, count - 1), max_size=3)
    return tuple(tuple(sorted(draw(numbers))) for _ in range(count))


def reachable(waits: Waits, start: int) -> set[int]:
    """Everything that ``start`` waits for, directly or not."""
    found: set[int] = set()
    while True:
        more = {j for i in (found or {start}) for j in waits[i]} | (set(waits[start]) - found)
        if more <= found:
            return found
        found |= more


@given(any_graph())
def test_a_cycle_is_found_exactly_if_there_is_one(waits: Waits) -> None:
    on_cycles = [i for i in range(len(waits)) if i in reachable(waits, i)]
    cycle = find_cycle(waits)
    assert (cycle is not None) == bool(on_cycles)
    if cycle is not None:
        assert cycle[0] == cycle[-1] == min(cycle)
        assert len(set(cycle)) == len(cycle) - 1, "no detours"
        assert all(j in waits[i] for i, j in itertools.pairwise(cycle)), "each waits for the next"


@given(any_graph())
def test_dependents_are_the_edges_turned_round(waits: Waits) -> None:
    turned = dependents(waits)
    assert len(turned) == len(waits)
    assert all((k in turned[j]) == (j in waits[k]) for j in range(len(waits)) for k in range(len(waits)))
    assert all(list(after) == sorted(set(after)) for after in turned)
    assert dependents(turned) == waits


@given(any_graph())
def test_each_comes_after_all_it_waits_for(waits: Waits) -> None:
    order = settling_order(waits)
    places = {i: place for place, i in enumerate(order)}
    assert len(places) == len(order)
    assert all(places[j] < places[i] for i in order for j in waits[i])
    waiting_for_ever = {
        i for i in range(len(waits)) if any(k in reachable(waits, k) for k in {i, *reachable(waits, i)})
    }
    assert set(order) == set(range(len(waits))) - waiting_for_ever
