-- step: get
-- $1 [[queue, id], …]. A row for each, in order: the JobRecord as JSON, or null.
select case when j.job is not null then json_build_object(
    'queue', r.ref ->> 0, 'id', r.ref ->> 1, 'name', j.name, 'state', s.state, 'data', b.data,
    'options', coalesce(b.options, '{}')::json, 'priority', s.priority, 'added_at', b.added_at,
    'attempts_made', s.made, 'attempts_started', s.started, 'stalls', s.stalls,
    'due_at', s.due_at, 'started_at', s.started_at, 'finished_at', s.finished_at, 'expires_at', s.expires_at,
    'worker', s.worker, 'is_cancel_requested', coalesce(s.is_cancel_requested, false), 'result', s.result,
    'failure', coalesce(s.failure, case when s.finished_at is null then p.deferred end)::json,
    'failures', coalesce(h.failures, '[]'::json),
    'parent', case when u.id is not null then json_build_object('queue', u.queue, 'id', u.id, 'policy', j.policy) end,
    'children_pending', coalesce(p.pending, 0), 'children', coalesce(p.children, 0)
)::text end
from jsonb_array_elements($1::jsonb) with ordinality r (ref, n)
left join lateral (select * from find_job(r.ref ->> 0, r.ref ->> 1) limit 1) j on true
left join lateral (select b.data, b.options, b.added_at from jobs b where b.job = j.job limit 1) b on true
left join lateral (select p.* from parents p where p.job = j.job limit 1) p on true
left join lateral (
    select ready_state(x.priority) as state, x.priority, x.made, x.started, x.stalls, null::bigint as due_at,
           null::bigint as started_at, null::bigint as finished_at, null::bigint as expires_at, null as worker,
           false as is_cancel_requested, null as result, x.deferred as failure
    from ready x where x.job = j.job
    union all
    select 'delayed', x.priority, x.made, x.started, x.stalls, x.due_at, null, null, null, null, false, null, x.deferred
    from delayed x where x.job = j.job
    union all
    select 'active', x.priority, x.made, x.started, x.stalls, null, x.started_at, null, x.expires_at, x.worker,
           x.is_cancel_requested, null, x.deferred
    from leases x where x.job = j.job
    union all
    select 'waiting-children', p.priority, p.made, p.started, p.stalls, null, null, null, null, null, false, null, null
    where p.is_waiting
    union all
    select x.state, x.priority, x.made, x.started, x.stalls, null, x.started_at, x.finished_at, null, null, false,
           x.result, x.failure
    from finished x where x.job = j.job
    limit 1
) s on true
left join lateral (
    select json_agg(f.failure::json order by f.position) as failures from failures f where f.job = j.job
) h on true
left join lateral (
    select q.name as queue, job_id(k.job, k.custom) as id
    from jobs k cross join lateral (select q.name from queues q where q.queue = k.queue limit 1) q
    where k.job = j.parent limit 1
) u on true
order by r.n;
