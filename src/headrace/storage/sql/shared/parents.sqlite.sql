-- What a child's end does to its parent.

-- step: done: [parent, child, value]; each parent as often as it has one child less to wait for
update edges set is_pending = 0, value = r.value ->> 2
from jsonb_each(:rows) as r
where edges.parent = r.value ->> 0 and edges.child = r.value ->> 1 and edges.is_pending
returning edges.parent;

-- step: less: [parent, children]
update parents set pending = pending - (r.value ->> 1)
from jsonb_each(:rows) as r where parents.key = r.value ->> 0;

-- step: policies: [key …] of failed children
select j.key, j.parent, j.policy, j.id from jobs j
where j.key in (select value from json_each(:keys)) and j.parent is not null;

-- step: waiting: [key …] of parents
select p.key, p.pending = 0 or d.key is not null, iif(p.started = 0 and d.key is null, p.delay_ms, 0),
       p.priority, p.made, p.started, p.stalls, j.id
from parents p join jobs j on j.key = p.key left join deferred d on d.key = p.key
where p.key in (select value from json_each(:keys)) and p.is_waiting;

-- step: released: [key …]
update parents set is_waiting = 0 where key in (select value from json_each(:keys));

-- step: delayed: [key …] of parents
select d.key, d.priority, d.made, d.started, d.stalls, j.id
from delayed d join jobs j on j.key = d.key
where d.key in (select value from json_each(:keys));

-- step: open: which of these jobs are there and not finished
select j.key from jobs j
where j.key in (select value from json_each(:keys)) and not exists (select 1 from finished f where f.key = j.key);

-- step: again: a child that is to run again; gives the parent that waits for one more
update edges set is_pending = 1, value = null
where parent = :parent and child = :child and not is_pending
  and exists (select 1 from parents p where p.key = :parent and p.is_waiting)
returning parent;

-- step: more
update parents set pending = pending + 1 where key = :parent;

-- step: forget_pending: [key …]; the edges of children that are removed before they were done
delete from edges
where (parent, child) in (
    select j.parent, j.key from jobs j where j.key in (select value from json_each(:keys)) and j.parent is not null
  )
  and is_pending
returning parent;
