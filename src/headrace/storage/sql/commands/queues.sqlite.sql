-- Queues

-- step: all
select name, is_paused, resting_until, waiting, prioritized, delayed, active, waiting_children, completed, failed,
       (select json_group_object(state, json_object('count', count, 'age_ms', age_ms)) from retention where queue = id)
from queues
where not is_forgotten and (:names is null or name in (select value from json_each(:names)))
order by name;
