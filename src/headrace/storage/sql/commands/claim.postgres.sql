-- $1 the command as JSON, $2 the clock of a test or null, $3 how many jobs of a queue may be promoted.
--
-- A statement cannot see what it writes: when jobs were due, it promotes them and hands out nothing. The caller sees
-- `promoted` and asks once more, with $3 = 0.
--
-- Tables are entered by LATERAL … LIMIT (or FOR UPDATE), or by `= any(array(…))`, here and in all commands: the planner
-- cannot look behind either, so that the plan is the same whatever it believes about their size.

-- step: claim
with moment as materialized (select now_ms($2) as now),
sources as materialized (
    select s.n, q.queue, q.name, s.names, q.is_paused, q.resting_until,
           not q.is_paused and q.resting_until <= m.now as is_open,
           row_number() over (partition by q.queue order by s.n) = 1 as is_first
    from moment m
    cross join rows from (jsonb_to_recordset($1::jsonb -> 'sources') as (queue text, names jsonb))
        with ordinality s (queue, names, n)
    cross join lateral (
        select q.queue, q.name, q.is_paused, q.resting_until from queues q where q.name = s.queue limit 1
    ) q
),
due as (
    delete from delayed x
    where x.job = any(array(
        select d.job from sources s
        cross join lateral (
            select d.job from delayed d
            where d.queue = s.queue and d.due_at <= (select now from moment)
            order by d.due_at, d.position limit $3::integer for update skip locked
        ) d
        where s.is_first and $3 > 0
    ))
    returning x.*
),
promoted as materialized (
    select d.*, nextval('positions') as place from (select * from due order by due_at, position) d
),
to_ready as (
    insert into ready (job, queue, priority, position, name, made, started, stalls, deferred)
    select p.job, p.queue, p.priority, p.place, p.name, p.made, p.started, p.stalls, p.deferred from promoted p
),
picked as materialized (
    select s.n, s.name as queue_name, r.*
    from (select * from sources order by n) s
    cross join lateral (
        select r.job, r.queue, r.priority, r.position, r.made, r.started, r.stalls, r.deferred
        from ready r
        where r.queue = s.queue
          and (s.names is null or s.names ? r.name or r.deferred is not null
               or (select p.deferred from parents p where p.job = r.job) is not null)
          and (s.is_first or not exists (  -- an earlier source of the same queue has taken it
               select from sources e
               where e.n < s.n and e.queue = s.queue
                 and (e.names is null or e.names ? r.name or r.deferred is not null
                      or (select p.deferred from parents p where p.job = r.job) is not null)))
        order by r.priority, r.position
        limit ($1 ->> 'limit')::integer
        for update of r skip locked
    ) r
    where s.is_open and not exists (select from promoted)
    limit ($1 ->> 'limit')::integer
),
taken as (delete from ready x where x.job = any(array(select p.job from picked p))),
handed as materialized (
    select p.*, j.name, j.data, j.options, j.added_at, j.custom, j.parent, coalesce(p.deferred, f.deferred) as failure
    from picked p
    cross join lateral (
        select j.name, j.data, j.options, j.added_at, j.custom, j.parent from jobs j where j.job = p.job limit 1
    ) j
    left join lateral (select f.deferred from parents f where f.job = p.job limit 1) f on true
),
leased as (
    insert into leases (job, queue, token, worker, started_at, expires_at, priority, made, started, stalls, deferred)
    select p.job, p.queue, $1 ->> 'token', $1 ->> 'worker', m.now, m.now + ($1 ->> 'lease_ms')::bigint,
           p.priority, p.made, p.started + 1, p.stalls, p.deferred
    from moment m cross join picked p
),
told as (
    insert into inbox (queue, at, key, state, was)
    select t.queue, (select now from moment), t.key, t.state, t.was
    from (
        select h.queue, job_id(h.job, h.custom) as key, 'active' as state, ready_state(h.priority) as was from handed h
        union all
        select p.queue, job_id(p.job, j.custom), ready_state(p.priority), 'delayed'
        from promoted p cross join lateral (select j.custom from jobs j where j.job = p.job limit 1) j
    ) t
),
later as materialized (
    select min(case when s.is_open then d.due_at else s.resting_until end) - (select now from moment) as wait_ms
    from sources s
    left join lateral (
        select d.due_at from delayed d where d.queue = s.queue order by d.due_at, d.position limit 1
    ) d on true
    where not s.is_paused and (select count(*) from picked) < ($1 ->> 'limit')::integer
)
select h.queue_name, job_id(h.job, h.custom), h.name, h.data, h.options, h.priority, h.added_at, h.made, h.started + 1,
       h.stalls, h.failure, u.queue, u.id, (select greatest(l.wait_ms, 0) from later l where l.wait_ms is not null),
       (select count(*) from promoted)
from (values (1)) one (row)
left join handed h on true
left join lateral (
    select q.name as queue, job_id(j.job, j.custom) as id
    from jobs j cross join lateral (select q.name from queues q where q.queue = j.queue limit 1) q
    where j.job = h.parent limit 1
) u on true
order by h.n, h.priority, h.position;
