"""A queue that uses nothing but jobs touches no table of anything else: what others use costs it no statement."""

import re
from collections.abc import Iterator

import apsw
import pytest

from headrace.core.commands import Add, Claim, Settle, Source
from headrace.core.jobs import NewJob
from headrace.storage.sql.connect import connect, migrate
from tests.conformance.desk import done
from tests.storage.test_dedup import statements
from tests.storage.test_steps import run


@pytest.fixture
def db() -> Iterator[apsw.Connection]:
    made = connect(":memory:")
    migrate(made, ":memory:")
    yield made
    made.close()


def test_plain_jobs_touch_their_own_tables_only(db: apsw.Connection) -> None:
    tables = {str(name) for (name,) in db.execute("select name from sqlite_schema where type = 'table'")}
    claim = Claim((Source("q"),), 10, "t", 60_000)
    seen = statements(db, Add((NewJob("q", "x"), NewJob("q", "x"))))
    leases = run(db, claim).leases
    seen += statements(db, Settle(tuple(map(done, leases))), Add((NewJob("q", "x"),)), claim)
    assert len(seen) > 10
    words = {word for statement in seen for word in re.findall(r"\w+", statement)}
    others = {
        "dedups",
        "keyed",
        "turns",
        "deadlines",
        "parents",
        "retention",
        "schedules",
        "locks",
        "fences",
        "workers",
    }
    assert others < tables
    assert words & others == set()
