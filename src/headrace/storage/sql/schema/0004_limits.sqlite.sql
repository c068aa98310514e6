-- Limits of a queue, as JSON (null: none), and while it has a rate, when its last jobs were started.
alter table queues add column limits text;
alter table queues add column starts text;

-- The unfinished jobs of queues that have limits per key: by what they are told apart, and their place if they are
-- ready. A key is '' for jobs that have none, and any other has a '=' before it.
create table keyed (
  job integer primary key,
  queue integer not null,
  key text not null,
  priority integer,
  position integer
) strict;
create index keyed_jobs on keyed (queue, key);
create index keyed_ready on keyed (queue, key, priority, position) where position is not null;

-- The place that a key got in the line of its queue when it last had its turn; none once it has nothing ready.
create table turns (
  queue integer not null,
  key text not null,
  turn integer not null,
  primary key (queue, key)
) strict, without rowid;
