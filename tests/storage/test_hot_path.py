"""What a job costs SQLite in a queue that uses nothing: these statements, and so many rows, whatever else there is.

Whoever adds an ability to the store adds no statement here, but to the jobs and queues that use it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import apsw
import pytest

from headrace.core.backoff import Fixed
from headrace.core.commands import Acquire, Add, Claim, Command, Configure, PutSchedule, Settle, Source
from headrace.core.jobs import Dedup, Follow, Keep, NewJob, Options
from headrace.core.limits import Capacity, Rate
from headrace.core.schedules import EveryTiming, Plan, ScheduleRecord
from headrace.storage.sql.connect import connect, migrate
from headrace.storage.sql.script import load
from tests.conformance.desk import child, done, failed, parent
from tests.storage.test_steps import run

SCRIPTS = ("add", "claim", "settle", "ledger", "keys")
NAMES = {step: f"{script}.{name}" for script in SCRIPTS for name, step in vars(load(script)).items()}
PLAIN = Options(attempts=3, backoff=Fixed(20))


class Cost(NamedTuple):
    """The names of the statements, in their order, and how many rows they changed."""

    statements: str
    rows: int


ADD = "ledger.head add.fresh_jobs add.fresh_ready add.fresh_events add.requests ledger.save_head"
CLAIM = "ledger.head claim.named claim.unready claim.leases ledger.events ledger.save_head"
DONE = "ledger.head settle.held settle.unlease settle.finished ledger.events ledger.save_head"
RETRY = (
    "ledger.head settle.held settle.unlease settle.failures settle.forget_failures"
    " ledger.delayed ledger.events ledger.save_head"
)
SPECIAL = (
    "add.repeated ledger.head keys.custom add.taken add.jobs add.ids add.requests"
    " ledger.delayed ledger.events ledger.save_head"
)


@pytest.fixture(params=["alone", "beside all that uses something"])
def db(request: pytest.FixtureRequest) -> Iterator[apsw.Connection]:
    made = connect(":memory:")
    migrate(made, ":memory:")
    run(made, Add((NewJob("q", "x"),)))  # it makes the queue
    run(made, Settle((done(run(made, Claim((Source("q"),), 1, "t", 60_000)).leases[0]),)))
    if request.param != "alone":
        others(made)
    yield made
    made.close()


def others(db: apsw.Connection) -> None:
    """Queues and jobs that use all there is."""
    per_key = {"t": Capacity(1, 9)}
    run(db, Configure("limited", concurrency=5, max_waiting=50, rate=Rate(9, 1_000), per_key=per_key))
    run(db, Configure("limited", keep_completed=Keep(3)))
    special = NewJob("limited", "x", '{"t": 1}', options=Options(dedup=Dedup("k", ttl_ms=60_000), expires_ms=60_000))
    step = NewJob("flow", "step", id="step", has_children=True, follows=(Follow("flow", "up", "finally"),))
    run(db, Add((special, parent("up", queue="flow"), child("up", queue="flow", of_queue="flow"), step)))
    run(db, PutSchedule(ScheduleRecord("clock", Plan(EveryTiming(1_000), special), 0, 0, 1_000)))
    run(db, Acquire("lock", "me", 60_000))


def cost(db: apsw.Connection, command: Command[Any]) -> tuple[Any, Cost]:
    """The reply to a command, and what it took."""
    seen: list[str] = []

    def note(_: apsw.Cursor, statement: str, __: object) -> bool:
        seen.append(NAMES.get(statement, statement))
        return True

    before = db.total_changes()
    db.exec_trace = note
    reply = run(db, command)
    db.exec_trace = None
    return reply, Cost(" ".join(seen), db.total_changes() - before)


@pytest.mark.parametrize("count", [1, 3])
def test_jobs_that_complete(db: apsw.Connection, count: int) -> None:
    """A row each in `jobs`, `ready`, `log`; then, twice, one that goes, one that comes, and one in `log`."""
    jobs = tuple(NewJob("q", "x", '{"t": 1}', options=PLAIN) for _ in range(count))
    _, added = cost(db, Add(jobs, "request"))
    claimed, claim = cost(db, Claim((Source("q", ("x",)),), count, "t", 60_000))
    _, settled = cost(db, Settle(tuple(done(lease) for lease in claimed.leases)))
    assert added == (ADD, 3 * count + 2)
    assert claim == (CLAIM, 3 * count + 1)
    assert settled == (DONE, 3 * count + 1)


def test_a_job_that_is_tried_again(db: apsw.Connection) -> None:
    run(db, Add((NewJob("q", "x", options=PLAIN),)))
    claimed, claim = cost(db, Claim((Source("q"),), 1, "t", 60_000))
    _, settled = cost(db, Settle((failed(claimed.leases[0]),)))
    assert claim == (CLAIM.replace("named", "any"), 4)
    assert settled == (RETRY, 5)


def test_a_delayed_job_with_an_id_and_a_priority(db: apsw.Connection) -> None:
    _, added = cost(db, Add((NewJob("q", "x", id="mine", priority=1, delay_ms=5),), "request"))
    assert added == (SPECIAL, 6)


def test_a_worker_with_nothing_to_do(db: apsw.Connection) -> None:
    _, claim = cost(db, Claim((Source("q", ("x",)), Source("nowhere")), 1, "t", 60_000))
    assert claim == ("ledger.head ledger.head", 0)
