-- When to look whether somebody has started a job. A row stays until then, whatever becomes of the job: keys are never used
-- twice, and so nothing that happens to jobs need care.

create table deadlines (
  expires_at integer not null,
  key integer not null,
  primary key (expires_at, key)
) strict, without rowid;

-- What stays of the finished jobs of a queue, by state; a queue without a row goes by the settings of the workers.

create table retention (
  queue integer not null,
  state text not null,
  count integer,                          -- null: as many as there are
  age_ms integer,                         -- null: however old
  primary key (queue, state)
) strict, without rowid;
