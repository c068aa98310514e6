-- Trim

-- step: entries
delete from log
where channel = (select id from channels where name = :name)
  and position <= (select last - :keep from logs where name = :name);

-- step: channel
update channels set first = max(first, last - :keep + 1) where name = :name;

-- step: queue: a log of job events
update queues set first = max(first, last - :keep + 1) where channel = (select id from channels where name = :name);
