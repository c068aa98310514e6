-- Fire. The job is added as any other; these steps go before and after it.

-- step: finished
select 1 from finished where key = :key;

-- step: pass_over
update schedules set version = version + 1, next_at = :next_at, skipped = skipped + :skipped where name = :name;

-- step: fired
update schedules set version = version + 1, next_at = :next_at, fired = fired + 1, slot_at = :slot,
  job_queue = :queue, job_id = :id
where name = :name;

-- step: by_hand
update schedules set version = version + 1, job_queue = :queue, job_id = :id where name = :name;
