"""Files of an older schema: what is in them goes on under the present one."""

from pathlib import Path

import apsw

from headrace import storage
from headrace.core.commands import Tally
from headrace.storage.sql.connect import APPLICATION_ID
from headrace.storage.sql.script import schemas
from tests.conformance.desk import Desk, done


async def test_a_job_of_the_first_schema_is_run_and_its_wait_is_not_older_than_the_upgrade(tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "old.db"))
    db.execute(schemas("sqlite")[0][1])
    db.execute(f"pragma application_id = {APPLICATION_ID}; pragma user_version = 1")
    db.execute("insert into channels (id, name) values (1, 'jobs/q')")
    db.execute("insert into queues (id, name, channel, number, back, waiting) values (1, 'q', 1, 1, 1, 1)")
    db.execute("insert into jobs (key, name, data, added_at) values ((1 << 40) + 1, 'task', '{}', 1000)")
    db.execute(
        "insert into ready (queue, priority, position, key, made, started, stalls) "
        "values (1, 0, 1, (1 << 40) + 1, 0, 0, 0)"
    )
    db.close()
    store = storage.open(f"sqlite:///{tmp_path / 'old.db'}")
    await store.open()
    try:
        desk = Desk(store)
        lease = await desk.claim_one()
        assert (lease.id, lease.added_at) == ("1", 1_000)
        assert 0 <= lease.waited_ms < 60_000
        await desk.settle(done(lease))
        assert [tally.completed for tally in (await desk.run(Tally("q"))).tallies] == [1]
    finally:
        await store.close()
