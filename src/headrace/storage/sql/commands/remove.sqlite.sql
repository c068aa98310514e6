-- Remove, and retention. The steps that take [key …] in :keys are one for each table that knows jobs.

-- step: beyond: the oldest :surplus finished jobs of a state, those that are too old, and one that is not to stay
select key from (
  select key, finished_at from (
    select key, finished_at from finished
    where queue = :queue and state = :state order by finished_at, key limit min(:surplus, :limit)
  )
  union
  select key, finished_at from (
    select key, finished_at from finished
    where queue = :queue and state = :state and finished_at <= :before order by finished_at, key limit :limit
  )
  union
  select key, finished_at from finished where key = :only
)
order by finished_at, key limit :limit;

-- step: finished
delete from finished where key in (select value from json_each(:keys));

-- step: ready
delete from ready where key in (select value from json_each(:keys));

-- step: delayed
delete from delayed where key in (select value from json_each(:keys));

-- step: ids: before the jobs themselves
delete from ids where (queue, id) in (
  select j.key >> 40, j.id from jobs j where j.key in (select value from json_each(:keys)) and j.id is not null
);

-- step: jobs
delete from jobs where key in (select value from json_each(:keys));

-- step: parents
delete from parents where key in (select value from json_each(:keys));

-- step: edges
delete from edges where parent in (select value from json_each(:keys));

-- step: deferred
delete from deferred where key in (select value from json_each(:keys));

-- step: failures
delete from failures where key in (select value from json_each(:keys));

-- step: annotations
delete from annotations where key in (select value from json_each(:keys));

-- step: lines
delete from lines where key in (select value from json_each(:keys));

-- step: known: [key …]; what must be known of the jobs that are to go
select r.key, r.id, r.state from json_each(:keys) k join records r on r.key = k.value order by k.key;

-- step: family: a job and all below it, in the order of Tree (a cross join is not reordered)
with recursive family (key, depth, seq) as (
  select :root, 0, 0
  union all
  select e.child, f.depth + 1, e.seq
  from family f join edges e on e.parent = f.key and e.bond is null
  order by 2 desc, 3
)
select f.key from family f cross join jobs j on j.key = f.key limit :limit;

-- step: finished_page
select key from finished
where queue = :queue and state = :state and finished_at <= :before
order by finished_at, key limit :limit;

-- step: finished_page_sparing: behind :instant and :key, with whether they have a retention of their own
select f.key, f.finished_at, j.options -> ('$.keep_' || :state) is not null
from finished f join jobs j on j.key = f.key
where f.queue = :queue and f.state = :state and f.finished_at <= :before and (f.finished_at, f.key) > (:instant, :key)
order by f.finished_at, f.key limit :limit;

-- step: ready_page
select r.key from ready r join jobs j on j.key = r.key
where r.queue = :queue and (r.priority = 0) = (:state = 'waiting') and j.added_at <= :before
order by j.added_at, r.key limit :limit;

-- step: delayed_page
select d.key from delayed d join jobs j on j.key = d.key
where d.queue = :queue and j.added_at <= :before
order by j.added_at, d.key limit :limit;

-- step: parents_page
select p.key from parents p join jobs j on j.key = p.key
where p.key between :queue << 40 and ((:queue + 1) << 40) - 1 and p.is_waiting and j.added_at <= :before
order by j.added_at, p.key limit :limit;

-- step: leases
delete from leases where key in (select value from json_each(:keys));
