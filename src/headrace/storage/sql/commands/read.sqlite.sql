-- Read

-- step: channel
select id, queue, first, last from logs where name = :name;

-- step: entries
select position, at, key, body from log
where channel = :channel and position > :after
order by position limit :limit;
