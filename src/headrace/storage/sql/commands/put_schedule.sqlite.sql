-- PutSchedule

-- step: version
select version from schedules where name = :name;

-- step: save
insert into schedules (name, plan, version, since, next_at, paused, fired, skipped)
values (:name, :plan, :version, :since, :next_at, :paused, 0, 0)
on conflict (name) do update set
  plan = excluded.plan, version = excluded.version, since = excluded.since, next_at = excluded.next_at,
  paused = excluded.paused;
