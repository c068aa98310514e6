-- step: recover
-- $1 how many, $2 the clock of a test or null, $3 the stalls that are allowed by default, $4 the failure of a job that
-- stalled too often, $5 how long answers to requests are kept, $6 how many of them may be forgotten at once.
with moment as materialized (select now_ms($2) as now),
overdue as materialized (
    select l.job, l.queue, l.priority, l.made, l.started, l.stalls + 1 as stalls, l.deferred
    from leases l where l.expires_at <= (select now from moment)
    order by l.expires_at, l.job limit $1::integer for update skip locked
),
freed as (delete from leases x where x.job = any(array(select o.job from overdue o))),
back as materialized (
    select o.*, j.name, j.custom, nextval('positions') as place, case
               when o.deferred is not null then o.deferred
               when p.deferred is null
                    and o.stalls > coalesce((j.options::jsonb ->> 'max_stalled')::integer, $3::integer)
               then stamped($4::text, (select now from moment)) end as failure
    from overdue o
    cross join lateral (select j.name, j.custom, j.options from jobs j where j.job = o.job limit 1) j
    left join lateral (select p.deferred from parents p where p.job = o.job limit 1) p on true
),
to_ready as (
    insert into ready (job, queue, priority, position, name, made, started, stalls, deferred)
    select b.job, b.queue, b.priority, -b.place, b.name, b.made, b.started, b.stalls, b.failure from back b
),
told as (
    insert into inbox (queue, at, key, state, was, cause)
    select b.queue, (select now from moment), job_id(b.job, b.custom), ready_state(b.priority), 'active', 'stalled'
    from back b
),
forgotten as (
    delete from requests x
    where x.request = any(array(
        select r.request from requests r where r.added_at < (select now from moment) - $5::bigint
        order by r.added_at limit $6::integer for update skip locked
    ))
)
select q.name, job_id(b.job, b.custom)
from back b cross join lateral (select q.name from queues q where q.queue = b.queue limit 1) q
order by b.place;
