-- The dedup keys that are taken. A job with a key has it in its options, too.

create table dedups (
  queue integer not null,
  name text not null,
  owner integer not null,                 -- the key of the job that took it; the job may be gone
  id text,                                -- its custom id, if it has one
  expires_at integer,                     -- null: no time ends it
  is_forever integer not null,            -- 0, and no time: the end of the job ends it
  kept text,                              -- the job that is to be added then
  primary key (queue, name)
) strict, without rowid;
create index dedups_owner on dedups (owner);
create index dedups_time on dedups (expires_at) where expires_at is not null;
