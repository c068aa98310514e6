-- Which of these files were applied.
create table migrations (
    version integer primary key,
    applied_at timestamptz not null default clock_timestamp()
);

-- Jobs. `jobs` is written once and never updated; what changes travels between narrow tables, a table a state:
-- ready, delayed, leases, parents (those that are waiting) and finished. A job is in exactly one of them.

create sequence positions;  -- the back of a class takes the next one, the front its negative

create table queues (
    queue integer generated always as identity primary key,
    name text collate "C" not null unique,
    counter regclass,  -- the sequence that numbers its jobs: a row lock here would make adders wait for each other
    is_paused boolean not null default false,
    resting_until bigint not null default 0
);

create table jobs (
    job bigint primary key,  -- the queue and the number in it: see job_key
    queue integer not null,
    custom text collate "C",  -- the id, if one was given; otherwise the number is the id
    name text not null,
    data text not null,
    options text,  -- null: the defaults
    added_at bigint not null,
    parent bigint,
    policy text
);
create unique index jobs_custom on jobs (queue, custom) where custom is not null;

create table ready (
    job bigint primary key,
    queue integer not null,
    priority integer not null,
    position bigint not null,
    name text not null,
    made integer not null default 0,
    started integer not null default 0,
    stalls integer not null default 0,
    deferred text
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index ready_order on ready (queue, priority, position);

create table delayed (
    job bigint primary key,
    queue integer not null,
    due_at bigint not null,
    position bigint not null,
    priority integer not null,
    name text not null,
    made integer not null default 0,
    started integer not null default 0,
    stalls integer not null default 0,
    deferred text
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index delayed_order on delayed (queue, due_at, position);

create table leases (
    job bigint primary key,
    queue integer not null,
    token text collate "C" not null,
    worker text not null,
    started_at bigint not null,
    expires_at bigint not null,
    priority integer not null,
    made integer not null,
    started integer not null,
    stalls integer not null,
    deferred text,
    is_cancel_requested boolean not null default false
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index leases_expiry on leases (expires_at, job);

-- A row for every job that has had children. Its counters mean something only while it is waiting for them. The
-- deferred failure that a child gave stands here, whatever state the parent is in, so that one lock guards it.
create table parents (
    job bigint primary key,
    children integer not null,
    pending integer not null,
    is_waiting boolean not null,
    delay_ms bigint not null default 0,  -- still to be waited when the children are done
    deferred text,
    priority integer not null default 0,
    made integer not null default 0,
    started integer not null default 0,
    stalls integer not null default 0
) with (fillfactor = 50);

create table edges (
    child bigint primary key,
    parent bigint not null,
    position bigint not null,
    is_pending boolean not null,
    value text  -- what a completed child left; it outlives the child
) with (fillfactor = 70);
create index edges_parent on edges (parent, position);

create table finished (
    job bigint primary key,
    queue integer not null,
    state text not null,
    started_at bigint,
    finished_at bigint not null,
    priority integer not null,
    made integer not null,
    started integer not null,
    stalls integer not null,
    result text,
    failure text
);
create index finished_order on finished (queue, state, finished_at, job);

create table failures (
    job bigint not null,
    position bigint not null,
    failure text not null,
    primary key (job, position)
);

create table requests (
    request text collate "C" primary key,
    added_at bigint not null,
    answer text not null
);
create index requests_age on requests (added_at);

-- Job events on their way to the log. They have no positions yet: of two open transactions the slower one would leave
-- a hole that a reader passes. `arrival` keeps the events of one job in order, for they come one transaction after
-- another.
create table inbox (
    arrival bigint generated always as identity,
    queue integer not null,
    at bigint not null,
    key text not null,
    state text not null,
    was text,
    cause text
);

-- Now, in milliseconds; a test brings its own.
create function now_ms(frozen bigint) returns bigint language sql volatile as $$
    select coalesce(frozen, floor(extract(epoch from clock_timestamp()) * 1000)::bigint)
$$;

-- 23 bits of queue, 40 bits of number: lookup by number needs no index of its own.
create function job_key(queue integer, number bigint) returns bigint language sql immutable as $$
    select queue::bigint << 40 | number
$$;

create function job_id(job bigint, custom text) returns text language sql immutable as $$
    select coalesce(custom, (job & 1099511627775)::text)
$$;

create function ready_state(priority integer) returns text language sql immutable as $$
    select case when priority > 0 then 'prioritized' else 'waiting' end
$$;

-- The job that is called queue_name/id, if there is one; inlined where it stands in FROM.
create function find_job(queue_name text, id text)
returns table (job bigint, queue integer, custom text, name text, parent bigint, policy text) language sql stable as $$
    select j.job, j.queue, j.custom, j.name, j.parent, j.policy
    from (select q.queue from queues q where q.name = queue_name limit 1) q
    cross join lateral (
        select k.job, k.queue, k.custom, k.name, k.parent, k.policy from jobs k
        where k.job = case when id ~ '^[1-9][0-9]{0,11}$' then job_key(q.queue, id::bigint)
                           else (select c.job from jobs c where c.queue = q.queue and c.custom = id) end
          and (k.custom is null or k.custom = id)
        limit 1
    ) j
$$;

create function state_of(wanted bigint) returns text language sql stable as $$
    select coalesce(
        (select f.state from finished f where f.job = wanted),
        (select 'active' from leases l where l.job = wanted),
        (select 'delayed' from delayed d where d.job = wanted),
        (select ready_state(r.priority) from ready r where r.job = wanted),
        (select 'waiting-children' from parents p where p.job = wanted and p.is_waiting)
    )
$$;

-- A failure as JSON text with the time at which it was recorded, first. It stays text: jsonb has no room for the NUL
-- that may be in a reason.
create function stamped(failure text, at bigint) returns text language sql immutable as $$
    select '{"at":' || at || ',' || regexp_replace(failure, '^\{("at":[0-9]+,)?', '')
$$;

-- Queues are made by the first job that names them, once; everything else is plain SQL.
create function make_queue(wanted text) returns void language plpgsql as $$
declare
    made integer;
begin
    insert into queues (name) values (wanted) on conflict (name) do nothing returning queue into made;
    if made is not null then
        execute format('create sequence counter_%s', made);
        update queues set counter = format('counter_%s', made)::regclass where queue = made;
    end if;
end
$$;
