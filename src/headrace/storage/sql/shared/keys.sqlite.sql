-- From the identity of jobs to their keys.

-- step: custom: [position, queue, id]
select r.value ->> 0, i.key
from jsonb_each(:rows) as r
join ids i on i.queue = r.value ->> 1 and i.id = r.value ->> 2;

-- step: exists
select id from jobs where key = :key;
