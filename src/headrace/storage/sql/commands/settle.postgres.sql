-- Set by set, as the memory store does it: every job moves, parents hear of completed children, then of failed ones,
-- then those go on that wait for nothing; retention follows as a statement of its own, in the same transaction. Which
-- settlements held it learns from a setting that lasts as long as the transaction: there is no time to ask the caller.

-- step: settle
-- $1 the settlements as JSON, $2 the clock of a test or null, $3 how many failed attempts a job remembers, $4 whether
-- retention follows.
with moment as materialized (select now_ms($2) as now),
given as materialized (
    select s.*, j.job, j.queue as queue_no, j.custom, j.name, j.parent, j.policy,
           row_number() over (partition by s.queue, s.id, s.token order by s.n) = 1 as is_first
    from rows from (jsonb_to_recordset($1::jsonb) as (
        queue text, id text, token text, "to" text, is_counted boolean, delay_ms bigint, rest_ms bigint,
        is_front boolean, result text, failure text, cause text, is_attempt boolean, child_failure text
    )) with ordinality s (
        queue, id, token, target, is_counted, delay_ms, rest_ms, is_front, result, failure, cause, is_attempt,
        child_failure, n
    )
    cross join lateral (select * from find_job(s.queue, s.id) limit 1) j
),
held as materialized (
    select g.*, l.priority, l.made + g.is_counted::integer as made, l.started, l.stalls, l.started_at, l.deferred
    from (select * from given where is_first order by job) g
    cross join lateral (
        select l.priority, l.made, l.started, l.stalls, l.started_at, l.deferred
        from leases l where l.job = g.job and l.token = g.token for update
    ) l
),
freed as (delete from leases x where x.job = any(array(select h.job from held h))),

-- Parents: what they hear, and what follows from it. They are locked in the order of their keys.
news as materialized (
    select h.n, h.job as child, e.parent, h.target, h.result, h.child_failure
    from held h
    cross join lateral (select e.parent from edges e where e.child = h.job and e.is_pending limit 1) e
    where h.parent is not null and (h.target = 'completed' or h.target = 'failed' and h.policy <> 'wait')
),
family as materialized (
    select p.* from parents p
    where p.job = any(array(
        select w.parent from news w union all select h.job from held h where h.target = 'waiting-children'
    ))
    order by p.job for update
),
verdict as materialized (
    select f.job, f.pending - coalesce(w.children, 0) as pending, coalesce(f.deferred, w.failure) as deferred,
           f.is_waiting, f.delay_ms, w.failed_n, h.n as own_n,
           coalesce(h.priority, f.priority) as priority, coalesce(h.made, f.made) as made,
           coalesce(h.started, f.started) as started, coalesce(h.stalls, f.stalls) as stalls,
           h.deferred as own_deferred,
           f.is_waiting or coalesce(h.target = 'waiting-children', false) as may_go,
           (f.is_waiting or coalesce(h.target = 'waiting-children', false))
               and (f.pending = coalesce(w.children, 0) or coalesce(f.deferred, h.deferred, w.failure) is not null)
               as goes,
           case when w.failed_n is not null then 3 when w.completed_n is not null then 2 else 4 end as phase,
           coalesce(w.failed_n, w.completed_n, h.n) as n
    from family f
    left join (
        select w.parent, count(*) as children, min(w.n) filter (where w.target = 'completed') as completed_n,
               min(w.n) filter (where w.target = 'failed') as failed_n,
               stamped((array_agg(w.child_failure order by w.n) filter (where w.target = 'failed'))[1],
                       (select now from moment)) as failure
        from news w group by w.parent
    ) w on w.parent = f.job
    left join held h on h.job = f.job
),
answered as (
    update edges e set is_pending = false, value = w.result
    from news w where e.child = any(array(select w.child from news w)) and e.child = w.child
),
parents_told as (
    update parents p
    set pending = v.pending, deferred = v.deferred, is_waiting = v.may_go and not v.goes,
        delay_ms = case when v.own_n is null then v.delay_ms else 0 end,
        priority = v.priority, made = v.made, started = v.started, stalls = v.stalls
    from verdict v where p.job = any(array(select v.job from verdict v)) and p.job = v.job
),
pulled as (
    delete from delayed x
    where x.job = any(array(select v.job from verdict v where v.failed_n is not null and not v.may_go))
    returning x.*
),

-- Where everybody goes: `phase` and `n` give the order of arrival.
leavers as materialized (
    select 1 as phase, h.n, h.job, h.queue_no as queue, h.name, h.priority, h.made, h.started, h.stalls, h.deferred,
           h.is_front, 'active' as was, h.delay_ms, h.target = 'delayed' as is_delayed
    from held h
    where h.target = 'waiting'
       or h.target = 'delayed' and not exists (select from verdict v where v.job = h.job and v.failed_n is not null)
    union all
    select 3, v.failed_n, h.job, h.queue_no, h.name, h.priority, h.made, h.started, h.stalls, h.deferred,
           h.priority = 0, 'delayed', 0, false
    from held h join verdict v on v.job = h.job where h.target = 'delayed' and v.failed_n is not null
    union all
    select 3, v.failed_n, x.job, x.queue, x.name, x.priority, x.made, x.started, x.stalls, x.deferred,
           x.priority = 0, 'delayed', 0, false
    from pulled x join verdict v on v.job = x.job
    union all
    select 4, h.n, h.job, h.queue_no, h.name, h.priority, h.made, h.started, h.stalls, h.deferred,
           h.priority = 0, 'waiting-children', 0, false
    from held h where h.target = 'waiting-children' and not exists (select from family f where f.job = h.job)
    union all
    select v.phase, v.n, v.job, j.queue, j.name, v.priority, v.made, v.started, v.stalls, v.own_deferred,
           v.priority = 0, 'waiting-children', v.delay_ms,
           v.delay_ms > 0 and v.own_n is null and v.deferred is null
    from verdict v cross join lateral (select j.queue, j.name from jobs j where j.job = v.job limit 1) j
    where v.goes
),
arrivals as materialized (
    select l.*, nextval('positions') as place from (select * from leavers order by phase, n) l
),
to_ready as (
    insert into ready (job, queue, priority, position, name, made, started, stalls, deferred)
    select a.job, a.queue, a.priority, case when a.is_front then -a.place else a.place end, a.name, a.made, a.started,
           a.stalls, a.deferred
    from arrivals a where not a.is_delayed
),
to_delayed as (
    insert into delayed (job, queue, due_at, position, priority, name, made, started, stalls, deferred)
    select a.job, a.queue, (select now from moment) + a.delay_ms, a.place, a.priority, a.name, a.made, a.started,
           a.stalls, a.deferred
    from arrivals a where a.is_delayed
),
ended as materialized (
    select h.*, m.now, case when h.target = 'failed' then h.failure end as reason
    from moment m cross join held h where h.target in ('completed', 'failed')
),
to_finished as (
    insert into finished (job, queue, state, started_at, finished_at, priority, made, started, stalls, result, failure)
    select h.job, h.queue_no, h.target, h.started_at, h.now, h.priority, h.made, h.started, h.stalls,
           case when h.target = 'completed' then h.result end, stamped(h.reason, h.now)
    from ended h
),
history as (
    insert into failures (job, position, failure)
    select h.job, nextval('positions'), stamped(h.failure, m.now) from moment m cross join held h where h.is_attempt
),
forgotten as (
    delete from failures x
    where x.job = any(array(select h.job from held h where h.is_attempt and h.made > $3::integer))
      and x.position <= (
          select f.position from failures f where f.job = x.job order by f.position desc offset $3::integer - 1 limit 1
      )
),
rested as (
    update queues q set resting_until = greatest(q.resting_until, (select now from moment) + r.rest_ms)
    from (select h.queue_no, max(h.rest_ms) as rest_ms from held h where h.rest_ms > 0 group by h.queue_no) r
    where q.queue = any(array(select h.queue_no from held h where h.rest_ms > 0)) and q.queue = r.queue_no
),
told as (
    insert into inbox (queue, at, key, state, was, cause)
    select t.queue, (select now from moment), t.key, t.state, t.was, t.cause
    from (
        select 0 as phase, h.n, h.queue_no as queue, h.id as key, 'active' as was,
               case when h.target = 'waiting' then ready_state(h.priority) else h.target end as state,
               case when h.target = 'failed' then coalesce(
                   h.cause, substring(e.reason from '"cause":"([a-z-]+)"'), 'error') end as cause
        from held h left join ended e on e.n = h.n
        union all
        select a.phase, a.n, a.queue, job_id(a.job, j.custom), a.was,
               case when a.is_delayed then 'delayed' else ready_state(a.priority) end, null
        from arrivals a cross join lateral (select j.custom from jobs j where j.job = a.job limit 1) j
        where a.was <> 'active'
        order by phase, n
    ) t
)
select h.places,
       array(
           select distinct q.name from arrivals a
           cross join lateral (select q.name from queues q where q.queue = a.queue limit 1) q
       ) as moved,
       case when $4 then set_config('headrace.held', h.places::text, true) end
from (select array(select h.n::integer - 1 from held h) as places) h;

-- step: retain
-- $1 [{place, queue, id, to, count, age_ms}], $2 the clock of a test or null, $3 jobs removed for each of them.
with moment as materialized (select now_ms($2) as now),
asked as materialized (
    select k.place, q.queue, k.id, k.queue as queue_name, k."to" as state, k.count,
           (select now from moment) - k.age_ms as old_at
    from jsonb_to_recordset($1::jsonb) k (place integer, queue text, id text, "to" text, count bigint, age_ms bigint)
    cross join lateral (select q.queue from queues q where q.name = k.queue limit 1) q
    where k.place = any(current_setting('headrace.held')::integer[])
),
unkept as materialized (
    select a.place, f.job
    from asked a cross join lateral (select f.job from find_job(a.queue_name, a.id) f limit 1) f
    where a.count = 0
),
bounds as materialized (
    select a.queue, a.state, a.count, min(a.place) as place, max(a.old_at) as old_at, count(*) * $3::integer as page
    from asked a where a.count is distinct from 0 group by a.queue, a.state, a.count
),
-- The newest job that goes, of each queue and state. Of equal counts the first settlement reaches furthest.
cuts as materialized (
    select distinct on (c.queue, c.state) c.queue, c.state, c.finished_at, c.job,
           sum(c.page) over (partition by c.queue, c.state) as page
    from (
        select b.queue, b.state, f.finished_at, f.job, b.page
        from bounds b
        cross join lateral (
            select f.finished_at, f.job from finished f
            where f.queue = b.queue and f.state = b.state
              and f.job <> all(array(select u.job from unkept u where u.place < b.place))
            order by f.finished_at desc, f.job desc offset b.count limit 1
        ) f
        where b.count is not null
        union all
        select b.queue, b.state, b.old_at, 9223372036854775807, b.page from bounds b where b.old_at is not null
    ) c
    order by c.queue, c.state, c.finished_at desc, c.job desc
),
doomed as materialized (
    select f.job from cuts c
    cross join lateral (
        select f.job from finished f
        where f.queue = c.queue and f.state = c.state and (f.finished_at, f.job) <= (c.finished_at, c.job)
        order by f.finished_at, f.job limit c.page for update skip locked
    ) f
    union
    select u.job from unkept u
),
gone as (delete from finished x where x.job = any(array(select d.job from doomed d))),
unwritten as (delete from jobs x where x.job = any(array(select d.job from doomed d))),
unfailed as (delete from failures x where x.job = any(array(select d.job from doomed d))),
unparented as (delete from parents x where x.job = any(array(select d.job from doomed d))),
orphaned as (delete from edges x where x.parent = any(array(select d.job from doomed d))),

-- A parent that still waited for one of them (its policy is `wait`) forgets it, and may go on.
parted as (
    delete from edges x where x.child = any(array(select d.job from doomed d)) and x.is_pending
    returning x.child, x.parent
),
family as materialized (
    select p.* from parents p
    where p.job = any(array(select x.parent from parted x except select d.job from doomed d))
    order by p.job for update
),
verdict as materialized (
    select f.*, w.children as lost, f.is_waiting and f.pending = w.children as goes
    from family f join (select x.parent, count(*) as children from parted x group by x.parent) w on w.parent = f.job
),
parents_told as (
    update parents p
    set pending = p.pending - v.lost, children = p.children - v.lost, is_waiting = v.is_waiting and not v.goes
    from verdict v where p.job = any(array(select v.job from verdict v)) and p.job = v.job
),
arrivals as materialized (
    select v.*, j.queue, j.name, j.custom, nextval('positions') as place
    from verdict v
    cross join lateral (select j.queue, j.name, j.custom from jobs j where j.job = v.job limit 1) j
    where v.goes
),
to_ready as (
    insert into ready (job, queue, priority, position, name, made, started, stalls)
    select a.job, a.queue, a.priority, case when a.priority = 0 then -a.place else a.place end, a.name, a.made,
           a.started, a.stalls
    from arrivals a where a.delay_ms = 0
),
to_delayed as (
    insert into delayed (job, queue, due_at, position, priority, name, made, started, stalls)
    select a.job, a.queue, (select now from moment) + a.delay_ms, a.place, a.priority, a.name, a.made, a.started,
           a.stalls
    from arrivals a where a.delay_ms > 0
),
told as (
    insert into inbox (queue, at, key, state, was)
    select a.queue, (select now from moment), job_id(a.job, a.custom),
           case when a.delay_ms > 0 then 'delayed' else ready_state(a.priority) end, 'waiting-children'
    from arrivals a
)
select distinct q.name
from arrivals a cross join lateral (select q.name from queues q where q.queue = a.queue limit 1) q;
