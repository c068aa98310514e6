-- Schedules

-- step: named
select name, plan, version, since, next_at, paused, fired, skipped, slot_at, job_queue, job_id
from schedules
where name > :after_name and (:names is null or name in (select value from json_each(:names)))
order by name limit :limit;

-- step: timed
select name, plan, version, since, next_at, paused, fired, skipped, slot_at, job_queue, job_id
from schedules
where next_at is not null and paused is null and (next_at, name) > (:after_at, :after_name)
  and (:names is null or name in (select value from json_each(:names)))
order by next_at, name limit :limit;
