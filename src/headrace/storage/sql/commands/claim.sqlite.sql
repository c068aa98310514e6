-- Claim

-- step: due: delayed jobs that may run now
select d.key, d.priority, d.made, d.started, d.stalls, j.id
from delayed d join jobs j on j.key = d.key
where d.queue = :queue and d.due_at <= :now
order by d.due_at, d.position limit :limit;

-- step: undelay: [key …]
delete from delayed where key in (select value from json_each(:keys));

-- step: next_due
select min(due_at) from delayed where queue = :queue;

-- step: any: the next jobs of a queue, whatever their name
select r.key, r.priority, r.made, r.started, r.stalls, r.entered_at,
       j.id, j.name, coalesce(a.data, j.data), j.options, j.added_at, j.parent, e.failure
from ready r
join jobs j on j.key = r.key
left join annotations a on a.key = r.key
left join deferred e on e.key = r.key
where r.queue = :queue
order by r.priority, r.position limit :limit;

-- step: named: the next jobs of the given names, and those that need no handler because they are to fail
select r.key, r.priority, r.made, r.started, r.stalls, r.entered_at,
       j.id, j.name, coalesce(a.data, j.data), j.options, j.added_at, j.parent, e.failure
from ready r
join jobs j on j.key = r.key
left join deferred e on e.key = r.key
left join annotations a on a.key = r.key  -- last: jobs of other names are passed over before it
where r.queue = :queue and (j.name in (select value from json_each(:names)) or e.key is not null)
order by r.priority, r.position limit :limit;

-- step: chosen: [key …], the jobs of these keys in their order
select r.key, r.priority, r.made, r.started, r.stalls, r.entered_at,
       j.id, j.name, coalesce(a.data, j.data), j.options, j.added_at, j.parent, e.failure
from json_each(:keys) c
join ready r on r.key = c.value
join jobs j on j.key = r.key
left join annotations a on a.key = r.key
left join deferred e on e.key = r.key
order by c.key;

-- step: starts: when the last jobs of a queue with a rate were started
update queues set starts = :starts where id = :id;

-- step: unready: [key …]
delete from ready where key in (select value from json_each(:keys));

-- step: leases: [key, priority, made, started, stalls, parent]
insert into leases (key, token, worker, started_at, expires_at, priority, made, started, stalls, parent)
select value ->> 0, :token, :worker, :now, :expires_at,
       value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
from jsonb_each(:rows);

-- step: parent
select p.key >> 40, coalesce(p.id, cast(p.key & 0xFFFFFFFFFF as text)) from jobs p where p.key = :key;
