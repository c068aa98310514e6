-- Limits: who runs, and the turns of keys. Rows of `keyed` follow from the places of the jobs; whoever moves a job has them made anew.

-- step: unkey: [key …] of jobs
delete from keyed where job in (select value from json_each(:jobs));

-- step: key: [key …] of jobs, those that are not finished
insert into keyed (job, queue, key, priority, position)
select j.key, :queue, key_of(:member, j.data), r.priority, r.position
from jobs j left join ready r on r.key = j.key
where j.key in (select value from json_each(:jobs)) and not exists (select 1 from finished f where f.key = j.key);

-- step: unkey_queue
delete from keyed where queue = :queue;

-- step: key_queue: all unfinished jobs of a queue
insert into keyed (job, queue, key, priority, position)
select j.key, :queue, key_of(:member, j.data), r.priority, r.position
from jobs j left join ready r on r.key = j.key
where j.key >> 40 = :queue and not exists (select 1 from finished f where f.key = j.key);

-- step: active: how many jobs of a queue run
select count(*) from leases where key between :base and :last;

-- step: of_key: how many jobs of a key run, and how many are unfinished in all
select count(l.key), count(*) from keyed k left join leases l on l.key = k.job
where k.queue = :queue and k.key = :key;

-- step: running: how many jobs of each key run
select k.key, count(*) from leases l join keyed k on k.job = l.key
where l.key between :base and :last group by k.key;

-- step: lines: each key that has a job ready, and its first one with a name that is wanted, if it has such a one
with recursive line (key) as (
  select min(key) from keyed where queue = :queue and position is not null
  union all
  select (select min(k.key) from keyed k where k.queue = :queue and k.key > line.key and k.position is not null)
  from line where line.key is not null
)
select line.key, k.priority, k.position, k.job
from line left join keyed k on k.job = (
  select c.job from keyed c join jobs j on j.key = c.job left join deferred e on e.key = c.job
  where c.queue = :queue and c.key = line.key and c.position is not null
    and (:names is null or j.name in (select value from json_each(:names)) or e.key is not null)
  order by c.priority, c.position limit 1
)
where line.key is not null;

-- step: following: the next job of a key behind a place
select c.priority, c.position, c.job
from keyed c join jobs j on j.key = c.job left join deferred e on e.key = c.job
where c.queue = :queue and c.key = :key and c.position is not null
  and (c.priority, c.position) > (:priority, :position)
  and (:names is null or j.name in (select value from json_each(:names)) or e.key is not null)
order by c.priority, c.position limit 1;

-- step: turns: when each key had its last turn
select key, turn from turns where queue = :queue;

-- step: forget_turns: [key …]
delete from turns where queue = :queue and key in (select value from json_each(:keys));

-- step: take_turns: [key, turn]
insert into turns (queue, key, turn) select :queue, value ->> 0, value ->> 1 from jsonb_each(:rows) where true
on conflict (queue, key) do update set turn = excluded.turn;

-- step: forget_queue: all turns of a queue
delete from turns where queue = :queue;
