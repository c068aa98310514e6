-- When to look whether somebody has started a job. A row stays until then, whatever becomes of the job: keys are never used
-- twice, and so nothing that happens to jobs need care.

create table deadlines (
  expires_at integer not null,
  key integer not null,
  primary key (expires_at, key)
) strict, without rowid;
