-- Read

-- step: channel
select id, first, last from channels where name = :name;

-- step: entries
select position, at, key, body from log
where channel = :channel and position > :after
order by position limit :limit;
