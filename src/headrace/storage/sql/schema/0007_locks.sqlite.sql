-- A lock may be held by several. Fences come from one counter, so that nothing stays of a lock that nobody holds.

create table fences (
  one integer primary key check (one = 1),
  last integer not null
) strict;

insert into fences (one, last) select 1, coalesce(max(fence), 0) from locks;

-- Whoever holds one of the old locks, which elect workers for duties, asks for it again before long.
drop table locks;

create table locks (
  fence integer primary key,
  name text not null,
  owner text not null,
  taken_at integer not null,
  expires_at integer not null
) strict;

create index locks_name on locks (name);          -- and within a name by fence
create index locks_expiry on locks (expires_at);
