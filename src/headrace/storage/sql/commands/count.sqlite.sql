-- Count

-- step: by_state
select name, waiting, prioritized, delayed, active, waiting_children, completed, failed
from queues where name in (select value from json_each(:names));
