"""The life of a job: the table is whole, and each way of ending a run does what the table says."""

from typing import Any, get_args

import pytest

from headrace.core.backoff import Custom, Exponential, Fixed
from headrace.core.commands import Settlement
from headrace.core.jobs import FINISHED, STATES, Failure, JobRef, Keep, Lease, Options
from headrace.core.lifecycle import (
    STALLED_REASON,
    STARTS,
    TRANSITIONS,
    Action,
    child_failed,
    expiry,
    revive,
    settle,
    settle_deferred,
)
from headrace.core.outcomes import AwaitsChildren, Cancelled, Done, Failed, Outcome, Postponed, PutBack

BOOM = Failure("boom", attempt=1)


def lease(made: int = 0, priority: int = 0, **options: Any) -> Lease:
    return Lease(
        "q", "7", "token", "t", "{}", Options(**options), priority, 0, made, made + 1, 0, None, JobRef("q", "p"), 9
    )


def test_every_edge_joins_known_states_and_stands_once() -> None:
    for edge in TRANSITIONS:
        assert {edge.before, edge.after} <= {None, *STATES}, edge
        assert edge.before != edge.after, edge
    assert len({(edge.before, edge.after, edge.trigger) for edge in TRANSITIONS}) == len(TRANSITIONS)


def test_every_state_can_be_reached_from_nothing_and_left_to_nothing() -> None:
    assert reached(None, forward=True) == {None, *STATES}
    assert reached(None, forward=False) == {None, *STATES}


def reached(start: str | None, *, forward: bool) -> set[str | None]:
    found, waiting = {start}, [start]
    while waiting:
        state = waiting.pop()
        for edge in TRANSITIONS:
            here, there = (edge.before, edge.after) if forward else (edge.after, edge.before)
            if here == state and there not in found:
                found.add(there)
                waiting.append(there)
    return found


def test_only_a_settled_run_uses_up_an_attempt() -> None:
    assert {edge.before for edge in TRANSITIONS if edge.is_counted} == {"active"}
    assert all(edge.trigger.startswith("settle: ") for edge in TRANSITIONS if edge.is_counted)


def test_a_job_finishes_only_by_being_settled_or_where_no_worker_has_it() -> None:
    for edge in TRANSITIONS:
        if edge.after in FINISHED:
            assert edge.trigger.startswith("settle: ") or edge.trigger in {"cancel", "expired"}, edge


def test_an_active_job_is_taken_from_its_worker_by_force_only() -> None:
    for edge in TRANSITIONS:
        if edge.before == "active" and edge.trigger != "obliterate":
            assert edge.trigger.startswith("settle: "), edge
    assert "active" not in STARTS["remove"] | STARTS["delay"] | STARTS["promote"] | STARTS["retry"] | STARTS["move"]


STAYING: dict[str, set[str]] = {
    "delay": {"delayed"},  # for another while
    "prioritise": {"delayed", "waiting-children"},  # it changes its number only
    "cancel": {"active"},  # by its worker, on request
    "move": set(STATES) - {"active", "waiting-children"},  # to another queue
}
"""From where an action may start, beside the table, because it leaves the job in its state."""


@pytest.mark.parametrize("action", get_args(Action))
def test_an_action_starts_where_the_table_has_an_edge_or_where_it_moves_nothing(action: Action) -> None:
    word = "or promote" if action == "promote" else action
    edges = {edge.before for edge in TRANSITIONS if edge.trigger.startswith(word) or word in edge.trigger.split(", ")}
    assert edges | STAYING.get(action, set()) == STARTS[action]


OUTCOMES: list[tuple[Outcome, dict[str, Any], dict[str, Any]]] = [
    (Done('"x"'), {}, {"to": "completed", "is_counted": True, "result": '"x"'}),
    (Done(), {"keep_completed": Keep(3)}, {"to": "completed", "is_counted": True, "result": "null", "keep": Keep(3)}),
    (Failed(BOOM), {"attempts": 1}, {"to": "failed", "is_counted": True, "failure": BOOM}),
    (
        Failed(BOOM),
        {"attempts": 1, "keep_failed": Keep(0)},
        {"to": "failed", "is_counted": True, "failure": BOOM, "keep": Keep(0)},
    ),
    (Failed(BOOM, is_retryable=False), {"attempts": 9}, {"to": "failed", "is_counted": True, "failure": BOOM}),
    (Failed(BOOM), {"attempts": 2}, {"to": "waiting", "is_counted": True, "failure": BOOM}),
    (
        Failed(BOOM),
        {"attempts": 2, "lifo": True},
        {"to": "waiting", "is_counted": True, "failure": BOOM, "is_front": True},
    ),
    (
        Failed(BOOM),
        {"attempts": 2, "backoff": Fixed(500)},
        {"to": "delayed", "is_counted": True, "failure": BOOM, "delay_ms": 500},
    ),
    (
        Failed(BOOM, pause_ms=70),
        {"attempts": 2, "backoff": Fixed(500)},
        {"to": "delayed", "is_counted": True, "failure": BOOM, "delay_ms": 70},
    ),
    (
        Failed(BOOM, pause_ms=0),
        {"attempts": 2, "backoff": Custom("mine")},
        {"to": "waiting", "is_counted": True, "failure": BOOM},
    ),
    (Postponed(60_000), {}, {"to": "delayed", "delay_ms": 60_000}),
    (Postponed(0), {}, {"to": "waiting"}),
    (AwaitsChildren(), {}, {"to": "waiting-children"}),
    (PutBack(), {}, {"to": "waiting", "is_front": True}),
    (PutBack(5_000), {}, {"to": "waiting", "is_front": True, "rest_ms": 5_000}),
    (
        Cancelled("enough"),
        {"attempts": 5},
        {"to": "failed", "is_counted": True, "failure": Failure("enough", "cancelled", attempt=1)},
    ),
]


@pytest.mark.parametrize(("outcome", "options", "expected"), OUTCOMES, ids=lambda value: repr(value)[:40])
def test_an_outcome_becomes_one_settlement(outcome: Outcome, options: dict[str, Any], expected: dict[str, Any]) -> None:
    settlement = settle(lease(**options), outcome, 0.0)
    assert settlement == Settlement("q", "7", "token", **expected, name="t", waited_ms=9)
    assert any(
        edge.before == "active" and edge.after == settlement.to and edge.is_counted == settlement.is_counted
        for edge in TRANSITIONS
    ), "the table has no such edge"


def test_every_kind_of_outcome_is_settled() -> None:
    assert {type(outcome) for outcome, _, _ in OUTCOMES} == set(get_args(Outcome))


def test_the_last_attempt_is_the_one_that_makes_the_number_full() -> None:
    assert settle(lease(made=3, attempts=5), Failed(BOOM), 0.0).to == "waiting"
    assert settle(lease(made=4, attempts=5), Failed(BOOM), 0.0).to == "failed"
    assert settle(lease(made=9, attempts=5), Failed(BOOM), 0.0).to == "failed"


def test_the_pause_grows_with_the_attempts_made_not_with_those_started() -> None:
    options: dict[str, Any] = {"attempts": 9, "backoff": Exponential(1_000)}
    assert [settle(lease(made=made, **options), Failed(BOOM), 0.0).delay_ms for made in range(4)] == [
        1_000,
        2_000,
        4_000,
        8_000,
    ]


def test_a_deferred_failure_is_settled_as_it_stands() -> None:
    deferred = child_failed("dns", "3")
    settlement = settle_deferred(lease(attempts=9, keep_failed=Keep(1)), deferred)
    expected = Settlement(
        "q", "7", "token", "failed", is_counted=True, failure=deferred, keep=Keep(1), name="t", waited_ms=9
    )
    assert settlement == expected
    assert deferred == Failure("child dns/3 failed", "child-failed")


def test_a_job_comes_back_from_as_many_stalls_as_it_may_have() -> None:
    assert [revive(Options(max_stalled=2), stalls) for stalls in (1, 2)] == [None, None]
    assert revive(Options(max_stalled=2), 3) == Failure(STALLED_REASON, "stalled")
    assert revive(Options(max_stalled=0), 1) is not None


@pytest.mark.parametrize(
    ("expires_ms", "started", "now", "is_late"),
    [(None, 0, 10**15, False), (50, 0, 149, False), (50, 0, 150, True), (50, 1, 150, False), (1, 0, 10**15, True)],
)
def test_a_job_is_late_from_its_deadline_on_if_nobody_has_ever_started_it(
    expires_ms: int | None, started: int, now: int, is_late: bool
) -> None:
    failure = expiry(Options(expires_ms=expires_ms), 100, started, now)
    assert (failure is not None) == is_late


def test_what_expired_says_after_how_long() -> None:
    assert expiry(Options(expires_ms=90_500), 0, 0, 90_500) == Failure("not started within 90.5 s", "expired")
