-- Tally, and the counting that Settle does

-- step: since: a minute; what a queue has on its own is never in the table as well
select t.minute, t.tally
from queues q join tallies t on t.queue = q.id
where q.name = :queue and t.minute >= :minute
union all
select minute, tally from queues where name = :queue and minute >= :minute and tally is not null
order by 1;

-- step: of_all_since: a minute; the same of every queue
select q.name, t.minute, t.tally
from queues q cross join tallies t on t.queue = q.id and t.minute >= :minute
union all
select name, minute, tally from queues where minute >= :minute and tally is not null
order by 1, 2;

-- step: put: the tally of a minute that is over
insert into tallies (queue, minute, tally) values (:queue, :minute, :tally);

-- step: take: that of a minute to which the clock was set back
delete from tallies where queue = :queue and minute = :minute returning tally;

-- step: old: [queue, minute] of some from before a minute, the oldest of each queue first
select t.queue, t.minute from queues q cross join tallies t on t.queue = q.id and t.minute < :minute
union all
select id, minute from queues where minute < :minute and tally is not null
order by 1, 2 limit :limit;

-- step: forget: [queue, minute]
delete from tallies where (queue, minute) in (select value ->> 0, value ->> 1 from json_each(:rows));
