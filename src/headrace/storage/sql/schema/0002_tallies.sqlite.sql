-- What finished in each minute: by task name, completed, failed, and the buckets of waits and runs, as JSON. The last
-- minute in which something finished is kept with the other counters of its queue, whose page is written anyway.

create table tallies (
  queue integer not null,
  minute integer not null,                -- since 1970
  tally text not null,
  primary key (queue, minute)
) strict, without rowid;

alter table queues add column minute integer not null default 0;
alter table queues add column tally text;

-- When a job took its place among the ready.
alter table ready add column entered_at integer not null default 0;
update ready set entered_at = cast(unixepoch('subsec') * 1000 as integer);
