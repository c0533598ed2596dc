"""Pools: whose turn it is, rates, bounds that differ, and what comes back."""

from __future__ import annotations

import pytest

from ael.definition import PoolDefinition
from ael.pools import PATIENCE, Pools, Ticket, TicketState

SECOND = 10**9
Rate = tuple[int, float]


def pools(*definitions: PoolDefinition) -> Pools:
    found = Pools()
    for definition in definitions:
        assert not found.declare(definition)
    return found


def pool(name: str = "p", concurrency: int | None = None, rate: Rate | None = None) -> PoolDefinition:
    return PoolDefinition(name, concurrency, rate)


def ask(at: Pools, owner: str, names: str = "p", now: int = 0) -> Ticket:
    ticket, granted = at.request(owner, names.split(), now)
    assert list(granted) == ([ticket] if ticket.granted else [])
    return ticket


def order(at: Pools, running: Ticket) -> str:
    """The owners that follow when each ends at once, one after the other."""
    owners = ""
    granted = list(at.release(running, 0))
    while granted:
        (ticket,) = granted
        owners += ticket.owner
        granted = list(at.release(ticket, 0))
    return owners


def test_starts_of_two_executions_alternate() -> None:
    at = pools(pool(concurrency=1))
    running = ask(at, "a")
    for owner in "aaabbb":
        ask(at, owner)
    assert order(at, running) == "bababa"


def test_one_that_asks_again_and_again_has_its_turn_beside_one_that_asked_for_all_at_once() -> None:
    at = pools(pool(concurrency=1))
    last = ask(at, "a")
    for _ in range(4):
        ask(at, "b")
    owners = ""
    for _ in range(8):
        (ticket,) = at.release(last, 0)
        owners += ticket.owner
        if last.owner == "a":
            ask(at, "a")
        last = ticket
    assert owners == "babababa"


def test_newcomers_do_not_starve_who_waits() -> None:
    at = pools(pool(concurrency=1))
    last = ask(at, "old")
    ask(at, "old")
    owners = []
    for number in range(3):
        ask(at, f"new {number}")
        (last,) = at.release(last, 0)
        owners.append(last.owner)
    assert owners == ["new 0", "old", "new 1"]


def test_tickets_of_one_execution_go_in_order_also_across_lines() -> None:
    at = pools(pool("p", 1), pool("q", 9))
    running = ask(at, "a", "p")
    waiting = [ask(at, "a", names) for names in ("p q", "p", "q p", "p")]
    for expected in waiting:
        assert list(at.release(running, 0)) == [expected]
        running = expected


def test_all_or_nothing_and_nobody_behind_is_held_up() -> None:
    at = pools(pool("p", 1), pool("q", 1))
    on_q = ask(at, "a", "q")
    both = ask(at, "b", "p q")
    on_p = ask(at, "c", "p")
    assert (both.granted, on_p.granted) == (False, True), "what waits for both holds neither"
    assert list(at.release(on_q, 0)) == []
    assert list(at.release(on_p, 0)) == [both]
    assert not ask(at, "a", "p").granted
    assert not ask(at, "a", "q").granted


def test_patience_ends_in_a_reservation() -> None:
    """``both`` never finds its pools free together, until it may have them first."""
    at = pools(pool("p", 1), pool("q", 1))
    running = {name: ask(at, "x", name) for name in "pq"}
    both = ask(at, "y", "p q")
    for _ in range(5):
        for name in "pq":
            ask(at, "x", name)
    passed = 0
    while not both.granted:
        name = "pq"[passed % 2]
        for ticket in at.release(running.pop(name), 0):
            running[ticket.pools[0].name] = ticket
        passed += name in running
        if name not in running:  # it is kept free
            assert at.release(running.popitem()[1], 0) == [both]
    assert passed == PATIENCE - 1
    assert [ticket.pools[0].name for ticket in at.release(both, 0)] == ["p", "q"]


def reserved_beside_a_holder() -> tuple[Pools, Ticket, Ticket]:
    """Someone has been reserved ``p``, which is free, and waits for ``q``, which another holds."""
    at = pools(pool("p", 1), pool("q", 1))
    on = {name: ask(at, "x", name) for name in "pq"}
    both = ask(at, "y", "p q")
    for _ in range(PATIENCE):
        for name in "pq":
            others = [ask(at, "x", name)]
            at.release(on[name], 0)
            if not others[0].granted:
                at.withdraw(others[0], 0)
                assert both.state is TicketState.WAITING
                return at, both, on["q" if name == "p" else "p"]
            on[name] = others[0]
    raise AssertionError("nothing was reserved")


def test_what_is_reserved_is_nobody_elses() -> None:
    at, both, holder = reserved_beside_a_holder()
    free = "p" if holder.pools[0].name == "q" else "q"
    late = ask(at, "z", free)
    assert not late.granted
    assert list(at.release(holder, 0)) == [both]
    assert list(at.release(both, 0)) == [late]


def test_a_withdrawn_reservation_lets_others_go_on() -> None:
    at, both, holder = reserved_beside_a_holder()
    free = "p" if holder.pools[0].name == "q" else "q"
    late = ask(at, "z", free)
    assert list(at.withdraw(both, 0)) == [late]
    assert at.withdraw(both, 0) == ()


RATES = {
    "at most n in a window": ([(2, 1.0)], [0, 0, 1, 1, 2]),
    "of two rates both count": ([(2, 1.0), (3, 5.0)], [0, 0, 1, 5, 5, 6, 10]),
}


@pytest.mark.parametrize(("rates", "seconds"), RATES.values(), ids=RATES)
def test_rates(rates: list[Rate], seconds: list[int]) -> None:
    at = Pools()
    for rate in rates:
        at.declare(pool(rate=rate))
    tickets = [at.request("a", ["p"], 0)[0] for _ in seconds]
    while (due := at.due_ns()) is not None:
        assert at.wake(due - 1) == []
        assert at.wake(due)
    assert [ticket.since_ns / SECOND for ticket in tickets] == seconds


def test_a_release_frees_no_rate_and_a_withdrawal_does() -> None:
    at = pools(pool(rate=(1, 60.0)))
    first, second, third = (ask(at, "a") for _ in range(3))
    assert list(at.release(first, 0)) == []
    assert list(at.wake(60 * SECOND)) == [second]
    assert list(at.withdraw(second, 61 * SECOND)) == [third], "it was no start"


def test_a_late_timer_does_not_let_a_newcomer_in_first() -> None:
    at = pools(pool(rate=(1, 1.0)))
    ask(at, "a")
    before = ask(at, "a")
    ticket, granted = at.request("b", ["p"], 2 * SECOND)
    assert [each.owner for each in granted] == ["b"], "b has had no turn yet"
    ticket, granted = at.request("c", ["p"], 4 * SECOND)
    assert list(granted) == [before]
    assert not ticket.granted


def test_a_release_late_at_a_rate_reckons_with_the_time() -> None:
    at = pools(pool(concurrency=1, rate=(2, 1.0)))
    running = ask(at, "a")
    waiting = [ask(at, "a") for _ in range(3)]
    assert at.due_ns() is None, "no rate holds anybody up yet"
    assert list(at.release(running, SECOND // 2)) == [waiting[0]]
    assert at.due_ns() == SECOND
    assert list(at.wake(SECOND)) == [], "there is a start to spare, and nobody has ended"
    assert at.due_ns() is None
    assert list(at.release(waiting[0], SECOND)) == [waiting[1]]


def test_unknown_names_are_no_limit_and_double_names_count_once() -> None:
    at = pools(pool(concurrency=2))
    assert all(ask(at, "a", "nobody knows").granted for _ in range(100))
    assert ask(at, "a", "").granted
    assert ask(at, "a", "p p").granted
    assert ask(at, "a", "p nobody").granted
    assert not ask(at, "a", "p").granted


DECLARED = {
    "alike": ([(4, (60, 60.0))] * 2, False, 4, [(60, 60.0)]),
    "concurrency": ([(4, None), (2, None)], True, 2, []),
    "the first is stricter": ([(2, None), (4, None)], True, 2, []),
    "one has a rate": ([(4, None), (None, (1, 1.0))], True, 4, [(1, 1.0)]),
    "one has no rate": ([(4, (1, 1.0)), (4, None)], True, 4, [(1, 1.0)]),
    "fewer in the same time": ([(None, (60, 60.0)), (None, (30, 60.0))], True, None, [(30, 60.0)]),
    "as many in more time": ([(None, (60, 3600.0)), (None, (60, 60.0))], True, None, [(60, 3600.0)]),
    "neither is stricter": ([(None, (60, 60.0)), (None, (2, 1.0))], True, None, [(60, 60.0), (2, 1.0)]),
}


@pytest.mark.parametrize(("said", "differs", "concurrency", "rates"), DECLARED.values(), ids=DECLARED)
def test_two_files(
    said: list[tuple[int | None, Rate | None]], differs: bool, concurrency: int | None, rates: list[Rate]
) -> None:
    at = Pools()
    first, second = (pool("p", *each) for each in said)
    assert at.declare(first) is False
    assert at.declare(second) is differs
    assert bounds(at) == (concurrency, rates)


def bounds(at: Pools) -> tuple[int | None, list[Rate]]:
    found = at._pools["p"]
    rates = [(window.limit, window.length_ns / SECOND) for window in found.windows]
    return (None if found.concurrency > 10**6 else found.concurrency), rates


def test_the_configuration_wins_before_and_after() -> None:
    at = Pools()
    config = pool("p", 8, (5, 1.0))
    assert at.declare(config, wins=True) is False
    assert at.declare(pool("p", 2, (1, 1.0))) is False
    assert bounds(at) == (8, [(5, 1.0)])
    at = pools(pool("p", 1, (1, 60.0)))
    running = ask(at, "a")
    waiting = ask(at, "a")
    assert at.declare(config, wins=True) is False
    assert bounds(at) == (8, [(5, 1.0)])
    due = at.due_ns()
    assert due is not None
    assert due <= 0, "there is more room: look soon"
    assert list(at.wake(0)) == [waiting]
    assert running.granted


def test_a_stricter_rate_counts_the_starts_before_it() -> None:
    at = pools(pool(rate=(5, 1.0)))
    assert all(ask(at, "a").granted for _ in range(3))
    assert at.declare(pool(rate=(2, 1.0)))
    assert not ask(at, "a").granted
    assert at.due_ns() == SECOND


def test_less_room_than_is_held() -> None:
    at = pools(pool(concurrency=3))
    running = [ask(at, "a") for _ in range(3)]
    assert at.declare(pool(concurrency=1))
    waiting = ask(at, "a")
    assert [list(at.release(ticket, 0)) for ticket in running] == [[], [], [waiting]]


def test_renewal_forgets_people_and_keeps_starts() -> None:
    at = pools(pool("p", 1, (2, 60.0)))
    running, waiting = ask(at, "a"), ask(at, "a")
    at.renew(SECOND)
    assert at.due_ns() is None
    fresh = ask(at, "a", now=SECOND)
    assert fresh.granted
    assert list(at.release(running, SECOND)) == []
    assert list(at.withdraw(waiting, SECOND)) == []
    assert list(at.release(fresh, SECOND)) == []
    assert not ask(at, "a", now=SECOND).granted, "two starts in this minute"
    at.renew(0)
    assert ask(at, "a").granted, "the clock began anew: what was to come has not been"


def test_only_who_holds_can_release() -> None:
    at = pools(pool(concurrency=1))
    running, waiting = ask(at, "a"), ask(at, "a")
    with pytest.raises(AssertionError, match="holds nothing"):
        at.release(waiting, 0)
    assert list(at.release(running, 0)) == [waiting]
    with pytest.raises(AssertionError, match="holds nothing"):
        at.release(running, 0)


def test_owners_that_come_and_go_leave_nothing() -> None:
    """Many that wait for a while and give up, in an order that no pool asks for."""
    at = pools(pool("p", 1), pool("q", 1))
    running = ask(at, "r", "p q")
    waiting = [ask(at, "first", "p q")]
    for number in range(100):
        at.withdraw(ask(at, f"x{number}", "p q"), 0)
    waiting += [ask(at, owner, "p q") for owner in ("second", "third")]
    (line,) = at._pools["q"].lines.values()
    assert all(len(each._heap) < 20 for each in line._orders.values())
    for ticket in waiting:
        assert list(at.release(running, 0)) == [ticket]
        running = ticket
    at.release(running, 0)
    found = at._pools["p"]
    assert (found.held, found.lines, found.turns, found.reserved) == (0, {}, {}, [])
