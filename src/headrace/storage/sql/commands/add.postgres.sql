-- One statement: it looks, decides and writes, or writes nothing and says why.
-- $1 the command as JSON, $2 the clock of a test, or null.
--
-- The answer is one row: `answer`, the Added as JSON, or the reason of the first job that cannot be added, or the
-- `missing` queues, which the caller then makes before it asks again. Of two adds that race for the same custom id or
-- request the slower one meets the unique index; its caller asks again too, and sees what the faster one did.

-- step: add
with moment as materialized (select now_ms($2) as now),
earlier as materialized (select r.answer from requests r where r.request = $1::jsonb ->> 'request_id'),
given as materialized (
    select j.n, j.queue as queue_name, q.queue, q.counter, j.id, j.name, coalesce(j.data, '{}') as data,
           nullif(j.options::text, '{}') as options, coalesce((j.options ->> 'lifo')::boolean, false) as is_front,
           coalesce(j.priority, 0) as priority, greatest(coalesce(j.delay_ms, 0), 0) as delay_ms,
           coalesce(j.has_children, false) as has_children,
           j.parent ->> 'queue' as parent_queue, j.parent ->> 'id' as parent_id, j.parent ->> 'policy' as policy,
           j.id is not null and (
               e.job is not null or row_number() over (partition by j.queue, j.id order by j.n) > 1
           ) as is_taken
    from rows from (jsonb_to_recordset($1 -> 'jobs') as (
        queue text, id text, name text, data text, options jsonb, priority integer, delay_ms bigint,
        has_children boolean, parent jsonb
    )) with ordinality j (queue, id, name, data, options, priority, delay_ms, has_children, parent, n)
    left join lateral (select q.queue, q.counter from queues q where q.name = j.queue limit 1) q on true
    left join lateral (
        select e.job from jobs e where j.id is not null and e.queue = q.queue and e.custom = j.id limit 1
    ) e on true
    where not exists (select from earlier)
),
missing as materialized (
    select g.queue_name from given g where g.queue is null group by g.queue_name order by min(g.n)
),

-- Parents. Those that are in the store are locked: first the leases of running ones, then those that wait.
elders as materialized (
    select d.parent_queue, d.parent_id, f.job
    from (select distinct g.parent_queue, g.parent_id from given g where g.parent_queue is not null) d
    left join lateral (select k.job from find_job(d.parent_queue, d.parent_id) k limit 1) f on true
),
running as materialized (
    select l.job from leases l where l.job = any(array(select e.job from elders e)) order by l.job for share
),
expecting as materialized (
    select p.job from parents p
    where p.job = any(array(select e.job from elders e)) and p.is_waiting and (select count(*) from running) >= 0
    order by p.job for update
),
kin as materialized (
    select c.n, e.job as stored, node.n as node,
           case when e.job is null and not node.has_children and node.delay_ms > 0 then 'delayed'
                when e.job is null and not node.has_children then ready_state(node.priority)
                when e.job = any(array(select r.job from running r)) then null
                when e.job = any(array(select x.job from expecting x)) then null
                when e.job is not null then state_of(e.job) end as state
    from given c
    join elders e on e.parent_queue = c.parent_queue and e.parent_id = c.parent_id
    left join given node on node.queue_name = c.parent_queue and node.id = c.parent_id and not node.is_taken
                        and node.n < c.n
),
refusal as materialized (
    select g.n, g.queue_name, g.id, g.parent_queue, g.parent_id, k.state,
           case when g.is_taken and (g.has_children or g.parent_queue is not null) then 'duplicate-id'
                when k.stored is null and k.node is null then 'no-such-parent'
                else 'wrong-state' end as code
    from given g left join kin k on k.n = g.n
    where g.is_taken and (g.has_children or g.parent_queue is not null)
       or g.parent_queue is not null and (k.state is not null or k.stored is null and k.node is null)
    order by g.n limit 1
),

-- New jobs take their numbers in the order of the command.
numbered as materialized (
    select g.*, case when not g.is_taken then job_key(g.queue, nextval(g.counter)) end as job,
           case when not g.is_taken then nextval('positions') end as position
    from (select * from given order by n) g
    where not exists (select from missing) and not exists (select from refusal)
),
placed as materialized (
    select m.*, coalesce(k.stored, p.job) as parent_job
    from numbered m
    left join kin k on k.n = m.n
    left join (select n, job from numbered where has_children) p on p.n = k.node
    where m.job is not null
),
families as materialized (
    select p.parent_job as job, count(*) as children from placed p where p.parent_job is not null group by p.parent_job
),
childless as materialized (
    select p.*, nextval('positions') as place_again
    from placed p
    where p.has_children and not exists (select from families f where f.job = p.job)
),
stored as (
    insert into jobs (job, queue, custom, name, data, options, added_at, parent, policy)
    select p.job, p.queue, p.id, p.name, p.data, p.options, (select now from moment), p.parent_job, p.policy
    from placed p order by p.queue, p.id collate "C", p.n  -- so that two adds of the same ids do not deadlock
),
to_ready as (
    insert into ready (job, queue, priority, position, name)
    select p.job, p.queue, p.priority, case when p.is_front then -p.position else p.position end, p.name
    from placed p where not p.has_children and p.delay_ms = 0
    union all
    select c.job, c.queue, c.priority, case when c.priority = 0 then -c.place_again else c.place_again end, c.name
    from childless c where c.delay_ms = 0
),
to_delayed as (
    insert into delayed (job, queue, due_at, position, priority, name)
    select p.job, p.queue, (select now from moment) + p.delay_ms, p.position, p.priority, p.name
    from placed p where not p.has_children and p.delay_ms > 0
    union all
    select c.job, c.queue, (select now from moment) + c.delay_ms, c.place_again, c.priority, c.name
    from childless c where c.delay_ms > 0
),
to_children as (
    insert into parents as p (job, children, pending, is_waiting, delay_ms, priority)
    select f.job, f.children, f.children, n.job is not null, coalesce(n.delay_ms, 0), coalesce(n.priority, 0)
    from families f left join placed n on n.job = f.job
    order by f.job
    on conflict (job) do update set children = p.children + excluded.children, pending = p.pending + excluded.pending
),
tied as (
    insert into edges (child, parent, position, is_pending)
    select p.job, p.parent_job, p.position, true from placed p where p.parent_job is not null
),
told as (
    insert into inbox (queue, at, key, state, was)
    select t.queue, (select now from moment), job_id(t.job, t.id), t.state, t.was
    from (
        select p.n, p.queue, p.job, p.id, null as was,
               case when p.has_children then 'waiting-children' when p.delay_ms > 0 then 'delayed'
                    else ready_state(p.priority) end as state
        from placed p
        union all
        select c.n, c.queue, c.job, c.id, 'waiting-children',
               case when c.delay_ms > 0 then 'delayed' else ready_state(c.priority) end
        from childless c
    ) t
),
reply as materialized (
    select json_build_object(
        'jobs', json_agg(json_build_array(m.queue_name, job_id(m.job, m.id)) order by m.n),
        'existing', coalesce(json_agg(m.n - 1 order by m.n) filter (where m.is_taken), '[]'::json)
    )::text as answer
    from numbered m having count(*) > 0
),
remembered as (
    insert into requests (request, added_at, answer)
    select $1 ->> 'request_id', (select now from moment), r.answer
    from reply r where $1 ->> 'request_id' is not null
)
select coalesce((select e.answer from earlier e), (select r.answer from reply r)) as answer,
       x.code, case when x.code = 'duplicate-id' then x.queue_name else x.parent_queue end as queue,
       case when x.code = 'duplicate-id' then x.id else x.parent_id end as id, x.state,
       array(select m.queue_name from missing m) as missing
from (values (1)) one (row) left join refusal x on true;

-- step: queue
select make_queue($1);
