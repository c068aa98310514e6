"""The checker of tables finds what it is for: each rule is broken once, by hand."""

from pathlib import Path

import pytest

from headrace.storage.sql.connect import connect
from tests.crash.base import Base, made
from tests.crash.tables import RULES, faults

DAMAGE = {
    "a fence is given once": "update fences set last = 0",
    "a job is in exactly one place": "update ready set key = (select min(key) from ready)",
    "what is in a place is a job": "delete from jobs where key in (select key from ready)",
    "what hangs on a job has a job": "insert into deferred values (7, '{}')",
    "a job is in the line of its own queue": "update delayed set queue = queue + 1",
    "every job has a queue": "delete from queues where name = 'q'",
    "no job has a number that its queue has not given": "update queues set number = 3 where name = 'q'",
    "a custom id leads to its job, and to no other": "delete from ids where id = 'mine'",
    "counts are equal to what is there": "update queues set waiting = waiting + 1",
    "an unfinished job stands under its key where keys have limits": "update keyed set key = '=x'",
    "what stands under a key is unfinished and has limits per key": "update queues set limits = null",
    "a parent counts the children that it waits for": "update parents set pending = pending + 1",
    "a parent that waits has something to wait for": "update parents set pending = 0",
    "a pending child is there": "delete from jobs where key in (select child from edges where is_pending)",
    "an edge with a bond leads to no child": "update edges set bond = 'wait'",
    "an edge leads up to a parent": "delete from parents",
    "a lease has a token and an end": "update leases set token = ''",
    "a finished job has no lease and no deferred failure": "insert into deferred select key, '{}' from finished",
    "a dedup key until the end of its job has a job that has not finished": """
        update dedups set owner = (select max(key) from finished) where name = 'runs'""",
    "a job is kept only for the end of another": "update dedups set is_forever = 1 where kept is not null",
    "somebody will look whether a job with a deadline was started": "delete from deadlines",
    "entries of a log are consecutive": "delete from log where position = 2",
    "an entry belongs to a channel": "delete from channels",
    "the last event of a job says where it is": 'delete from ready; update log set body = \'{"state":"failed"}\'',
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return made(tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_named(base: Base, rule: str, tmp_path: Path) -> None:
    db = connect(str(base.copy(tmp_path / "broken")))
    assert faults(db) == []
    db.execute(DAMAGE[rule])
    found = [fault.partition(":")[0] for fault in faults(db)]
    db.close()
    assert rule in found
