"""What becomes of a duplicate, by the state of the job that has the key."""

from typing import Any

import pytest

from headrace.core.commands import Settlement
from headrace.core.jobs import STATES, Dedup, Lease, NewJob, Options, Parent, State
from headrace.core.lifecycle import Reception, reception, settle
from headrace.core.outcomes import Done

EVERYTHING = {"replaces": True, "keeps_last": True}


def met(owner: State | None, how: dict[str, Any], *, is_until_finished: bool = True, **fields: Any) -> Reception:
    new = NewJob("q", "x", options=Options(dedup=Dedup("k", **how)), **fields)
    return reception(new, owner, is_until_finished=is_until_finished)


@pytest.mark.parametrize("owner", [*STATES, None])
def test_a_duplicate_that_asks_for_nothing_is_dropped(owner: State | None) -> None:
    assert met(owner, {}) == met(owner, {"ttl_ms": 9, "extends": True}) == "dropped"


@pytest.mark.parametrize("owner", [*STATES, None])
def test_only_a_delayed_job_is_replaced_and_only_a_running_one_has_a_next(owner: State | None) -> None:
    wanted = {"delayed": "replaces", "active": "kept"}
    assert met(owner, EVERYTHING) == wanted.get(str(owner), "dropped")


def test_only_a_delayed_job_is_rescheduled() -> None:
    assert [state for state in STATES if met(state, {"reschedules": True}) != "dropped"] == ["delayed"]
    assert met("delayed", {"reschedules": True}) == "reschedules"


def test_nothing_is_kept_for_a_key_that_outlives_its_job() -> None:
    assert met("active", EVERYTHING, is_until_finished=False) == "dropped"
    assert met("delayed", EVERYTHING, is_until_finished=False) == "replaces"


@pytest.mark.parametrize("fields", [{"has_children": True}, {"parent": Parent("q", "1")}])
@pytest.mark.parametrize("owner", STATES)
def test_a_job_of_a_flow_is_only_ever_dropped(owner: State, fields: dict[str, Any]) -> None:
    assert met(owner, EVERYTHING, **fields) == "dropped"


@pytest.mark.parametrize("dedup", [None, Dedup("k")])
def test_a_settlement_says_whether_there_is_a_key(dedup: Dedup | None) -> None:
    lease = Lease("q", "7", "token", "t", "{}", Options(dedup=dedup), 0, 0, 0, 1, 0)
    made: Settlement = settle(lease, Done(), 0.0)
    assert made.has_dedup == (dedup is not None)
