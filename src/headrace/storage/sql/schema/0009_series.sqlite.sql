-- The answers to Adds of one job each that came together and whose request ids were numbered one after the other: a row for
-- all of them, where `requests` has a row each.

create table series (
  first text primary key,                 -- the request id of the first, and of the last
  last text not null,
  at integer not null,
  reply text not null                     -- the jobs of all, as runs of numbers
) strict, without rowid;
