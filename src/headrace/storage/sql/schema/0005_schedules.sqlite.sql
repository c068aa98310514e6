-- What adds jobs by the clock. A plan is JSON; the last job is named as callers name it, for it may be gone.

create table schedules (
  name text primary key,
  plan text not null,
  version integer not null,
  since integer not null,
  next_at integer,
  paused text,
  fired integer not null,
  skipped integer not null,
  slot_at integer,
  job_queue text,
  job_id text
) strict, without rowid;

create index schedules_next on schedules (next_at, name) where next_at is not null and paused is null;
