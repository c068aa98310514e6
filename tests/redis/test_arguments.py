"""What goes together to a script: neighbours that are alike, and nothing else."""

from typing import Any

import msgspec

from headrace.core.commands import Add, Settle
from headrace.core.jobs import Failure, Keep, Lease, NewJob, Options
from headrace.core.lifecycle import settle as settlement
from headrace.core.outcomes import Done, Failed
from headrace.storage.redis.arguments import add, settle
from headrace.storage.redis.keys import Keys

KEYS = Keys("bull")


def lease(id: str, name: str = "n", **options: Any) -> Lease:
    return Lease("q", id, "t", name, "{}", Options(**options), 0, 0, 0, 1, 0)


def settled(*leases: Lease) -> list[Any]:
    (packed,) = settle(Settle(tuple(settlement(each, Done("1"), 0.0) for each in leases)), KEYS)
    found: list[Any] = msgspec.msgpack.decode(packed)
    return found


def added(*jobs: NewJob) -> list[Any]:
    found: list[Any] = msgspec.msgpack.decode(add(Add(jobs), KEYS)[2])
    return found


def test_successes_of_one_task_are_one_entry() -> None:
    assert settled(lease("1"), lease("2")) == [
        ["q", "t", "completed", "n", False, False, False, "1", 0, "1", "2", 0, "1"]
    ]


def test_to_keep_none_is_not_to_keep_all() -> None:
    """0 and False are the same to Python, and to no one else."""
    entries = settled(lease("1"), lease("2", keep_completed=Keep(count=0)), lease("3", keep_completed=Keep(age_ms=0)))
    assert [entry[4:6] for entry in entries] == [[False, False], [0, False], [False, 0]]
    assert [type(bound) for bound in entries[1][4:6]] == [int, bool]


def test_another_task_and_a_failure_are_entries_of_their_own() -> None:
    failed = Failed(Failure("boom", attempt=1), is_retryable=False)
    given = (lease("1"), Done("1")), (lease("2"), failed), (lease("3"), Done("1")), (lease("4", "m"), Done("1"))
    (packed,) = settle(Settle(tuple(settlement(each, outcome, 0.0) for each, outcome in given)), KEYS)
    assert [(entry[2], entry[3], entry[7]) for entry in msgspec.msgpack.decode(packed)] == [
        ("completed", "n", "1"),
        ("failed", "n", "2"),
        ("completed", "n", "3"),
        ("completed", "m", "4"),
    ]


def test_jobs_that_differ_in_their_data_are_one_entry() -> None:
    entries = added(
        *(NewJob("q", "n", data) for data in ("1", "2")), NewJob("q", "m", "3"), NewJob("q", "m", "4", "id")
    )
    assert [(entry[1], entry[2], entry[3]) for entry in entries] == [
        (None, "n", ["1", "2"]),
        (None, "m", ["3"]),
        ("id", "m", "4"),
    ]
