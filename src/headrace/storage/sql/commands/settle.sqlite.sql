-- Settle

-- step: held: the leases of the settled jobs
select l.key, l.token, l.priority, l.made, l.started, l.stalls, l.started_at, l.parent, d.key, l.is_hurried,
       exists (select 1 from edges e where e.child = l.key and e.bond is not null)
from leases l left join deferred d on d.key = l.key
where l.key in (select value from json_each(:keys));

-- step: unlease: [key …]
delete from leases where key in (select value from json_each(:keys));

-- step: undefer: [key …]
delete from deferred where key in (select value from json_each(:keys));

-- step: finished: [key, queue, state, started_at, priority, made, started, stalls, body]
insert into finished (key, queue, state, finished_at, started_at, priority, made, started, stalls, body)
select value ->> 0, value ->> 1, value ->> 2, :now, value ->> 3,
       value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8
from jsonb_each(:rows);

-- step: failures: [key, body]; numbered on from the last one of the job
insert into failures (key, number, body)
select value ->> 0, coalesce((select max(number) from failures f where f.key = value ->> 0), 0) + 1, value ->> 1
from jsonb_each(:rows);

-- step: forget_failures: [key …]; only the last ones stay
delete from failures
where key in (select value from json_each(:keys))
  and number <= (select max(number) from failures f where f.key = failures.key) - :most;

-- step: await_children: [key, priority, made, started, stalls]
insert into parents (key, pending, is_waiting, entered_at, delay_ms, priority, made, started, stalls)
select value ->> 0, 0, 1, :now, 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
from jsonb_each(:rows) where true
on conflict (key) do update set
  is_waiting = 1, entered_at = excluded.entered_at, delay_ms = 0, priority = excluded.priority,
  made = excluded.made, started = excluded.started, stalls = excluded.stalls;
