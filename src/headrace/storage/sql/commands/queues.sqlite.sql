-- Queues

-- step: all
select name, is_paused, resting_until, limits, starts, waiting, prioritized, delayed, active, waiting_children, completed, failed
from queues
where not is_forgotten and (:names is null or name in (select value from json_each(:names)))
order by name;
