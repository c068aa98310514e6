"""What must be true of the tables of a SQLite store at any time, whoever was killed; and all its rows, to compare."""

from pathlib import Path
from typing import Any

import apsw

# Each finds what breaks its rule: no rows, no fault. Columns say which job, queue or channel.
RULES = {
    "a job is in exactly one place": """
        select j.key, count(p.key) from jobs j left join (
          select key from ready union all select key from delayed union all select key from leases
          union all select key from finished union all select key from parents where is_waiting) p on p.key = j.key
        group by j.key having count(p.key) <> 1""",
    "what is in a place is a job": """
        select key from (
          select key from ready union all select key from delayed union all select key from leases
          union all select key from finished union all select key from parents)
        where key not in (select key from jobs)""",
    "what hangs on a job has a job": """
        select key from (
          select key from deferred union all select key from failures union all select key from annotations
          union all select key from lines)
        where key not in (select key from jobs)""",
    "a job is in the line of its own queue": """
        select key from ready where queue <> key >> 40 union all select key from delayed where queue <> key >> 40
        union all select key from finished where queue <> key >> 40""",
    "every job has a queue": "select key from jobs where key >> 40 not in (select id from queues)",
    "no job has a number that its queue has not given": """
        select j.key from jobs j join queues q on q.id = j.key >> 40 where j.key & 0xFFFFFFFFFF > q.number""",
    "a custom id leads to its job, and to no other": """
        select key from jobs where id is not null and not exists
          (select 1 from ids i where i.queue = jobs.key >> 40 and i.id = jobs.id and i.key = jobs.key)
        union all select key from ids where not exists
          (select 1 from jobs j where j.key = ids.key and j.id = ids.id and j.key >> 40 = ids.queue)""",
    "counts are equal to what is there": """
        select name from queues q where
             waiting <> (select count(*) from ready r where r.queue = q.id and priority = 0)
          or prioritized <> (select count(*) from ready r where r.queue = q.id and priority <> 0)
          or delayed <> (select count(*) from delayed d where d.queue = q.id)
          or active <> (select count(*) from leases l where l.key >> 40 = q.id)
          or waiting_children <> (select count(*) from parents p where p.key >> 40 = q.id and is_waiting)
          or completed <> (select count(*) from finished f where f.queue = q.id and state = 'completed')
          or failed <> (select count(*) from finished f where f.queue = q.id and state = 'failed')""",
    "an unfinished job stands under its key where keys have limits": """
        select r.queue, r.id from records r join queues q on q.name = r.queue
          left join keyed k on k.job = r.key and k.queue = q.id
            and k.key = (
              select key_of(m.key, j.data) from json_each(q.limits -> 'per_key') m, jobs j where j.key = r.key)
            and k.position is iif(r.state in ('waiting', 'prioritized'), r.position, null)
            and k.priority is iif(r.state in ('waiting', 'prioritized'), r.priority, null)
        where q.limits ->> 'per_key' is not null and (k.job is null) <> (r.state in ('completed', 'failed'))""",
    "what stands under a key is unfinished and has limits per key": """
        select k.job from keyed k join queues q on q.id = k.queue
        where q.limits ->> 'per_key' is null or k.job not in (select key from jobs)
          or k.job in (select key from finished)
        union all select queue from turns
          where queue not in (select id from queues where limits ->> 'per_key' is not null)""",
    "a parent counts the children that it waits for": """
        select key from parents p where pending <>
          (select count(*) from edges e where e.parent = p.key and is_pending)""",
    "a parent that waits has something to wait for": "select key from parents where is_waiting and pending = 0",
    "a pending child is there": """
        select child from edges where is_pending and child not in (select key from jobs)""",
    "an edge with a bond leads to no child": """
        select e.child from edges e join jobs j on j.key = e.child where e.bond is not null and j.parent = e.parent""",
    "an edge leads up to a parent": "select parent from edges where parent not in (select key from parents)",
    "a lease has a token and an end": "select key from leases where token = '' or expires_at < started_at",
    "a finished job has no lease and no deferred failure": """
        select key from finished where key in (select key from leases) or key in (select key from deferred)""",
    "a dedup key until the end of its job has a job that has not finished": """
        select name from dedups where expires_at is null and not is_forever
          and (owner not in (select key from jobs) or owner in (select key from finished))""",
    "a job is kept only for the end of another": """
        select name from dedups where kept is not null and (expires_at is not null or is_forever)""",
    "a fence is given once": "select fence from locks where fence > (select last from fences)",
    "somebody will look whether a job with a deadline was started": """
        select key from records r where started = 0 and finished_at is null and failure is null
          and options ->> '$.expires_ms' is not null and not exists (select 1 from deadlines d
            where d.key = r.key and d.expires_at = r.added_at + (r.options ->> '$.expires_ms'))""",
    "entries of a log are consecutive": """
        select l.name from logs l where l.last - l.first + 1 <>
          (select count(*) from log e where e.channel = l.id and e.position between l.first and l.last)
          or exists (select 1 from log e where e.channel = l.id and e.position not between l.first and l.last)""",
    "an entry belongs to a channel": "select channel, position from log where channel not in (select id from channels)",
    "the last event of a job says where it is": """
        select j.queue, j.id, j.state, e.body from records j join logs l on l.queue = j.queue join log e
          on e.channel = l.id and e.position =
            (select max(position) from log x where x.channel = l.id and x.key = j.id
              and json_extract(x.body, '$.state') not in ('progress', 'deduplicated'))
        where json_extract(e.body, '$.state') <> j.state""",
}


def faults(db: apsw.Connection) -> list[str]:
    """Every rule that is broken, and by what."""
    damage = [str(row[0]) for row in db.execute("pragma integrity_check") if row[0] != "ok"]
    found = {rule: db.execute(query).fetchall() for rule, query in RULES.items()}
    return damage + [f"{rule}: {rows[:5]}" for rule, rows in found.items() if rows]


def rows(db: apsw.Connection) -> dict[str, list[Any]]:
    """All rows of all tables, in an order of their own; but for wake-ups, of which there may be more than needed."""
    columns: dict[str, list[str]] = {}
    for table, column in db.execute(
        "select t.name, c.name from sqlite_schema t, pragma_table_info(t.name) c where t.type = 'table'"
    ):
        if column != "wakes":
            columns.setdefault(table, []).append(f'"{column}"')
    return {
        table: sorted(db.execute(f'select {", ".join(names)} from "{table}"'), key=repr)
        for table, names in columns.items()
    }


def copied(path: Path, folder: Path) -> Path:
    """The file and its log as they are at this moment, elsewhere: what is left if every process died now."""
    folder.mkdir(parents=True)
    for ending in ("", "-wal"):
        part = Path(f"{path}{ending}")
        if part.exists():
            (folder / part.name).write_bytes(part.read_bytes())
    return folder / path.name
