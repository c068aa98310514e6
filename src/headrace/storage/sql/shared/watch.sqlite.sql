-- Watch: what other processes committed.

-- step: queues
select name, wakes from queues where name in (select value from json_each(:names));

-- step: channels
select name, last from logs where name in (select value from json_each(:names));

-- step: signals
select topic, count from signals where topic in (select value from json_each(:names));
