-- Forget. The row stays, with its counters: ids are never used twice, nor are positions.

-- step: log
delete from log where channel = (select channel from queues where name = :name);

-- step: tallies
delete from tallies where queue = (select id from queues where name = :name);

-- step: dedups
delete from dedups where queue = (select id from queues where name = :name);

-- step: retention
delete from retention where queue = (select id from queues where name = :name);

-- step: turns
delete from turns where queue = (select id from queues where name = :name);

-- step: queue
update queues set is_forgotten = 1, is_paused = 0, resting_until = 0, first = last + 1, tally = null,
  limits = null, starts = null
where name = :name;
