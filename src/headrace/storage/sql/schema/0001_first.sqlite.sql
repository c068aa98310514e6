-- A job is written once, into `jobs`, and never updated, unless it goes to another queue and gets another key. Where
-- it is in its life is told by one row in one of the narrow tables `ready`, `delayed`, `leases`, `parents` (while
-- is_waiting) and `finished`. These carry along what changes: priority, attempts made, attempts started, stalls.
--
-- A job's key is its queue's number times 2^40 plus its own number in that queue: plain jobs need no index on their id.

create table queues (
  id integer primary key,
  name text not null unique,
  channel integer not null unique,        -- the log of its job events
  first integer not null default 1,       -- the first position that is kept there, and the last
  last integer not null default 0,
  is_paused integer not null default 0,
  resting_until integer not null default 0,
  number integer not null default 0,      -- the last number given to a job
  back integer not null default 0,        -- the last order number given at the back, and at the front
  front integer not null default 0,
  wakes integer not null default 0,       -- grows whenever there may be something new to claim
  waiting integer not null default 0,
  prioritized integer not null default 0,
  delayed integer not null default 0,
  active integer not null default 0,
  waiting_children integer not null default 0,
  completed integer not null default 0,
  failed integer not null default 0,
  is_forgotten integer not null default 0
) strict;

create table jobs (
  key integer primary key,
  id text,                                -- custom ids only
  name text not null,
  data text not null,
  options text,                           -- null: the defaults
  added_at integer not null,
  parent integer,
  policy text
) strict;

create table ids (
  queue integer not null,
  id text not null,
  key integer not null,
  primary key (queue, id)
) strict, without rowid;

create table ready (
  queue integer not null,
  priority integer not null,
  position integer not null,
  key integer not null,
  made integer not null,
  started integer not null,
  stalls integer not null,
  primary key (queue, priority, position)
) strict, without rowid;
create index ready_key on ready (key);

create table delayed (
  queue integer not null,
  due_at integer not null,
  position integer not null,
  key integer not null,
  priority integer not null,
  made integer not null,
  started integer not null,
  stalls integer not null,
  primary key (queue, due_at, position)
) strict, without rowid;
create index delayed_key on delayed (key);

create table leases (
  key integer primary key,
  token text not null,
  worker text not null,
  started_at integer not null,
  expires_at integer not null,
  is_cancel_requested integer not null default 0,
  is_hurried integer not null default 0,  -- a child that failed meanwhile lets it go on without the others
  priority integer not null,
  made integer not null,
  started integer not null,
  stalls integer not null,
  parent integer
) strict;

create table parents (
  key integer primary key,
  pending integer not null,               -- children that are not done
  is_waiting integer not null,            -- 1: the job is in waiting-children, and the columns below hold
  entered_at integer not null,
  delay_ms integer not null,
  priority integer not null,
  made integer not null,
  started integer not null,
  stalls integer not null
) strict;
create index parents_waiting on parents (key) where is_waiting;

create table edges (
  seq integer primary key,                -- siblings in the order in which they were added
  parent integer not null,
  child integer not null,
  id text,                                -- the child's custom id and its name: they outlive the child
  name text not null,
  is_pending integer not null,
  value text,                             -- the result of a completed child
  ignored text                            -- why a failed child, without which the parent goes on, has failed
) strict;
create unique index edges_parent on edges (parent, child);

create table finished (
  key integer primary key,
  queue integer not null,
  state text not null,
  finished_at integer not null,
  started_at integer,
  priority integer not null,
  made integer not null,
  started integer not null,
  stalls integer not null,
  body text                               -- the result, or the failure
) strict;
create index finished_order on finished (queue, state, finished_at);

create table deferred (
  key integer primary key,
  failure text not null
) strict;

create table failures (
  key integer not null,
  number integer not null,
  body text not null,
  primary key (key, number)
) strict, without rowid;

create table annotations (
  key integer primary key,
  progress text,
  notes text,
  data text
) strict;

create table lines (
  key integer not null,
  number integer not null,
  text text not null,
  primary key (key, number)
) strict, without rowid;

create table channels (
  id integer primary key,
  name text not null unique,
  first integer not null default 1,
  last integer not null default 0
) strict;

-- Every log with its bounds; those of job events are kept with the other counters of their queue.
create view logs as
select c.id as id, c.name as name, q.name as queue, coalesce(q.first, c.first) as first, coalesce(q.last, c.last) as last
from channels c left join queues q on q.channel = c.id;

create table log (
  channel integer not null,
  position integer not null,
  at integer not null,
  key text not null,
  body text not null,
  primary key (channel, position)
) strict, without rowid;

create table cursors (
  channel text not null,
  name text not null,
  position integer not null,
  primary key (channel, name)
) strict, without rowid;

create table locks (
  name text primary key,
  owner text not null,
  fence integer not null,
  expires_at integer not null
) strict, without rowid;

create table workers (
  id text primary key,
  record text not null,
  started_at integer not null,
  seen_at integer not null,
  expires_at integer not null
) strict, without rowid;

create table requests (
  id text primary key,
  at integer not null,
  reply text not null
) strict, without rowid;

create table signals (
  topic text primary key,
  count integer not null
) strict, without rowid;

create view records as
select j.key as key,
       q.name as queue,
       coalesce(j.id, cast(j.key & 0xFFFFFFFFFF as text)) as id,
       j.name as name,
       case
         when r.key is not null then iif(r.priority = 0, 'waiting', 'prioritized')
         when l.key is not null then 'active'
         when f.key is not null then f.state
         when d.key is not null then 'delayed'
         else 'waiting-children'
       end as state,
       coalesce(a.data, j.data) as data,
       j.options as options,
       coalesce(r.priority, l.priority, f.priority, d.priority, p.priority) as priority,
       j.added_at as added_at,
       coalesce(r.made, l.made, f.made, d.made, p.made) as made,
       coalesce(r.started, l.started, f.started, d.started, p.started) as started,
       coalesce(r.stalls, l.stalls, f.stalls, d.stalls, p.stalls) as stalls,
       d.due_at as due_at,
       coalesce(l.started_at, f.started_at) as started_at,
       f.finished_at as finished_at,
       l.expires_at as expires_at,
       l.worker as worker,
       coalesce(l.is_cancel_requested, 0) as is_cancel_requested,
       a.progress as progress,
       a.notes as notes,
       iif(f.state = 'completed', f.body, null) as result,
       coalesce(iif(f.state = 'failed', f.body, null), e.failure) as failure,
       (select json_group_array(json(h.body) order by h.number) from failures h where h.key = j.key) as failures,
       pq.name as parent_queue,
       coalesce(pj.id, cast(pj.key & 0xFFFFFFFFFF as text)) as parent_id,
       j.policy as policy,
       coalesce(p.pending, 0) as children_pending,
       iif(p.key is null, 0, (select count(*) from edges g where g.parent = j.key)) as children,
       j.parent as parent,
       coalesce(r.position, d.position) as position
from jobs j
join queues q on q.id = j.key >> 40
left join ready r on r.key = j.key
left join leases l on l.key = j.key
left join finished f on f.key = j.key
left join delayed d on d.key = j.key
left join parents p on p.key = j.key
left join annotations a on a.key = j.key
left join deferred e on e.key = j.key
left join jobs pj on pj.key = j.parent
left join queues pq on pq.id = pj.key >> 40;
