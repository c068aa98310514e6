-- Add: jobs are numbered by the caller; everything arrives as one JSON array a table.

-- step: taken: which custom ids exist already
select i.queue, i.id, i.key
from json_each(:pairs) as p
join ids i on i.queue = p.value ->> 0 and i.id = p.value ->> 1;

-- step: repeated: the answer that a request got before, alone or in a series; and where that begins
select reply, null from requests where id = :id
union all
select reply, first from series where first = (select max(first) from series where first <= :id) and last >= :id;

-- step: fresh_jobs: [name, data, options]; keys, places and positions follow the order of the rows
insert into jobs (key, name, data, options, added_at)
select :key + r.key, r.value ->> 0, r.value ->> 1, r.value ->> 2, :now from jsonb_each(:rows) as r;

-- step: fresh_ready: the jobs just written
insert into ready (queue, priority, position, key, made, started, stalls, entered_at)
select :queue, 0, :back + key - :first_key, key, 0, 0, 0, :now from jobs where key between :first_key and :last_key;

-- step: fresh_events: of the jobs just written
insert into log (channel, position, at, key, body)
select :channel, :first + key - :first_key, :now, cast(key & 0xFFFFFFFFFF as text), :body
from jobs where key between :first_key and :last_key;

-- step: jobs: [key, id, name, data, options, parent, policy]
insert into jobs (key, id, name, data, options, added_at, parent, policy)
select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, :now, value ->> 5, value ->> 6
from jsonb_each(:rows);

-- step: ids: [queue, id, key]
insert into ids (queue, id, key)
select value ->> 0, value ->> 1, value ->> 2 from jsonb_each(:rows);

-- step: parents: [key, delay_ms, priority]
insert into parents (key, pending, is_waiting, entered_at, delay_ms, priority, made, started, stalls)
select value ->> 0, 0, 1, :now, value ->> 1, value ->> 2, 0, 0, 0 from jsonb_each(:rows);

-- step: first_children: parents that run and get their first child now
insert or ignore into parents (key, pending, is_waiting, entered_at, delay_ms, priority, made, started, stalls)
select value ->> 0, 0, 0, 0, 0, 0, 0, 0, 0 from jsonb_each(:rows);

-- step: edges: [parent, child, id and name of the child]
insert into edges (parent, child, id, name, is_pending)
select value ->> 0, value ->> 1, value ->> 2, value ->> 3, 1 from jsonb_each(:rows);

-- step: pending
update parents set pending = pending + e.n
from (select value ->> 0 as parent, count(*) as n from jsonb_each(:rows) group by 1) as e
where parents.key = e.parent;

-- step: requests: [id, reply]; a repeated id inserts fewer rows than it should
insert or ignore into requests (id, at, reply)
select value ->> 0, :now, value -> 1 from jsonb_each(:rows) as new
where not exists (
  select 1 from series
  where first = (select max(first) from series where first <= new.value ->> 0) and last >= new.value ->> 0
);

-- step: series: requests that came together; if one of them came before, no row
insert into series (first, last, at, reply)
select :first, :last, :now, :reply
where not exists (select 1 from requests where id between :first and :last)
  and coalesce((select last from series where first = (select max(first) from series where first <= :last)), '') < :first;

-- step: parent_state
select r.state, l.token, exists (select 1 from edges e where e.child = r.key and e.bond = 'finally')
from records r left join leases l on l.key = r.key where r.key = :key;
