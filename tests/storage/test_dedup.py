"""What dedup keys cost SQLite: nothing to jobs without one, and no statement a job to those that have one."""

from collections.abc import Iterator
from typing import Any

import apsw
import pytest

from headrace.core.commands import Add, Claim, Command, Settle, Source
from headrace.core.jobs import Dedup, NewJob, Options
from headrace.storage.sql.connect import connect, migrate
from tests.conformance.desk import child, done, failed, parent
from tests.storage.test_steps import run

PLAIN = (
    Add((NewJob("q", "x"), NewJob("q", "x", priority=2), NewJob("q", "x", delay_ms=5)), "request"),
    Add((NewJob("q", "x", id="mine"), NewJob("q", "x", id="mine"))),
    Add((parent("up"), child("up"))),
)


@pytest.fixture
def db() -> Iterator[apsw.Connection]:
    made = connect(":memory:")
    migrate(made, ":memory:")
    yield made
    made.close()


def statements(db: apsw.Connection, *commands: Command[Any]) -> list[str]:
    """The statements that these commands run."""
    seen: list[str] = []

    def note(_: apsw.Cursor, statement: str, __: object) -> bool:
        seen.append(statement)
        return True

    db.exec_trace = note
    for command in commands:
        run(db, command)
    db.exec_trace = None
    return seen


def test_jobs_without_a_key_touch_no_key(db: apsw.Connection) -> None:
    seen = statements(db, *PLAIN)
    leases = run(db, Claim((Source("q"),), 10, "t", 60_000)).leases
    settled = (done(leases[0]), *(failed(lease, is_retryable=False) for lease in leases[1:]))
    seen += statements(db, Settle(settled), Claim((Source("q"),), 10, "t", 60_000))
    assert len(seen) > 20
    assert [statement for statement in seen if "dedups" in statement] == []


def test_many_keys_in_one_add_and_one_settle_cost_as_many_statements_as_a_few(db: apsw.Connection) -> None:
    costs = []
    for count in (2, 500):
        jobs = [NewJob("q", "x", options=Options(dedup=Dedup(f"{count} {number}"))) for number in range(count)]
        added = statements(db, Add(tuple(jobs)), Add(tuple(jobs)))
        leases = run(db, Claim((Source("q"),), count, "t", 60_000)).leases
        settled = statements(db, Settle(tuple(done(lease) for lease in leases)))
        costs.append((len(added), len(settled)))
    assert costs[1][0] <= costs[0][0] + 2
    assert costs[1][1] <= costs[0][1]
