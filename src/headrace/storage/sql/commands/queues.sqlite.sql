-- Queues

-- step: all: when a job became ready grows with its place behind, and with that in front from the middle on; so the oldest of
-- a class is the first behind or the last in front, and of each class two jobs are looked at
select name, is_paused, resting_until, limits, starts, waiting, prioritized, delayed, active, waiting_children, completed, failed,
       (select json_group_object(state, json_object('count', count, 'age_ms', age_ms)) from retention where queue = id),
       (with recursive classes (priority) as (
          select 0
          union all
          select (select min(r.priority) from ready r where r.queue = q.id and r.priority > c.priority)
          from classes c where c.priority is not null
          limit :classes + 1
        ),
        ends (entered_at) as (
          select (select entered_at from ready r where r.queue = q.id and r.priority = c.priority and r.position > 0
                  order by r.position limit 1) from classes c
          union all
          select (select entered_at from ready r where r.queue = q.id and r.priority = c.priority and r.position < 0
                  order by r.position desc limit 1) from classes c
        )
        select min(entered_at) from ends)
from queues q
where not is_forgotten and (:names is null or name in (select value from json_each(:names)))
order by name;
