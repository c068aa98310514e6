-- What a child's end does to its parent, and to those who follow it: there `parent` is the follower.

-- step: done: [parent, child, value]; each parent as often as it has one child less to wait for
update edges set is_pending = 0, value = r.value ->> 2
from jsonb_each(:rows) as r
where edges.parent = r.value ->> 0 and edges.child = r.value ->> 1 and edges.is_pending
returning edges.parent, edges.child;

-- step: failed: [parent, child, reason to be kept]; the edges of failed children that were pending
update edges set is_pending = 0, ignored = r.value ->> 2
from jsonb_each(:rows) as r
where edges.parent = r.value ->> 0 and edges.child = r.value ->> 1 and edges.is_pending
returning edges.parent, edges.child;

-- step: dropped: [parent, child]; the edges of failed children that are to go, if they were pending
delete from edges
where (parent, child) in (select value ->> 0, value ->> 1 from jsonb_each(:rows)) and is_pending
returning parent, child;

-- step: hurry: [key …] of parents; those that run need not wait when they ask to
update leases set is_hurried = 1 where key in (select value from json_each(:keys));

-- step: less: [parent, children]
update parents set pending = pending - (r.value ->> 1)
from jsonb_each(:rows) as r where parents.key = r.value ->> 0;

-- step: policies: [key …] of failed children
select j.key, j.parent, j.policy, j.id from jobs j
where j.key in (select value from json_each(:keys)) and j.parent is not null;

-- step: followers: [key …] of jobs that have ended; who follows them, in the order in which they were added
select child, parent, bond from edges
where child in (select value from json_each(:keys)) and bond is not null order by seq;

-- step: still_waiting: [key …]; which of these wait
select key from parents where key in (select value from json_each(:keys)) and is_waiting;

-- step: follow: [follower, job, bond]
insert or ignore into edges (parent, child, id, name, is_pending, bond)
select r.value ->> 0, j.key, j.id, j.name, 1, r.value ->> 2
from jsonb_each(:rows) as r cross join jobs j on j.key = r.value ->> 1 order by r.key;

-- step: follow_new: [parent, child …] of new jobs; who waits for the end of all below a parent waits for them too
with recursive below (place, follower, key) as (
  select n.key, e.parent, n.value ->> 1
  from jsonb_each(:rows) n
  cross join edges e on e.child = n.value ->> 0 and e.bond = 'finally'
  join parents p on p.key = e.parent and p.is_waiting
  union
  select n.key, b.follower, n.value ->> 1 from below b join jsonb_each(:rows) n on n.value ->> 0 = b.key
)
insert or ignore into edges (parent, child, id, name, is_pending, bond)
select b.follower, j.key, j.id, j.name, 1, 'finally' from below b cross join jobs j on j.key = b.key order by b.place
returning parent;

-- step: ended: [key …]; those that have finished
select f.key, f.state, f.body, j.id from finished f join jobs j on j.key = f.key
where f.key in (select value from json_each(:keys));

-- step: waiting: [key …] of parents
select p.key, p.pending = 0 or d.key is not null, d.key is not null, iif(p.started = 0 and d.key is null, p.delay_ms, 0),
       p.priority, p.made, p.started, p.stalls, j.id
from parents p join jobs j on j.key = p.key left join deferred d on d.key = p.key
where p.key in (select value from json_each(:keys)) and p.is_waiting;

-- step: released: [key …]
update parents set is_waiting = 0 where key in (select value from json_each(:keys));

-- step: delayed: [key …] of parents
select d.key, d.priority, d.made, d.started, d.stalls, j.id
from delayed d join jobs j on j.key = d.key
where d.key in (select value from json_each(:keys));

-- step: open: which of these jobs are there and not finished, and whether they call off what they need no more
select j.key, coalesce(j.options ->> '$.siblings' = 'cancel', 0) from jobs j
where j.key in (select value from json_each(:keys)) and not exists (select 1 from finished f where f.key = j.key);

-- step: again: a job that is to run again; gives those who wait for one more
update edges set is_pending = 1, value = null, ignored = null
where ((parent = :parent and child = :child) or (child = :child and bond is not null)) and not is_pending
  and exists (select 1 from parents p where p.key = edges.parent and p.is_waiting)
returning parent;

-- step: completed_since: the results of children that failed a parent, which is retried now, and were retried before
update edges set is_pending = 0, value = f.body
from finished f
where f.key = edges.child and f.state = 'completed'
  and edges.parent = :parent and edges.value is null and edges.ignored is null;

-- step: pending_again: the other children that failed it, if they are still there
update edges set is_pending = 1
where parent = :parent and value is null and ignored is null and exists (select 1 from jobs j where j.key = child);

-- step: recount
update parents set pending = (select count(*) from edges where parent = :parent and is_pending) where key = :parent
returning pending;

-- step: more
update parents set pending = pending + 1 where key = :parent;

-- step: forget_pending: [key …]; the edges of jobs that are removed before they were done
delete from edges
where is_pending and seq in (
    select e.seq from json_each(:keys) k join jobs j on j.key = k.value join edges e on e.parent = j.parent and e.child = j.key
    union all
    select e.seq from json_each(:keys) k join edges e on e.child = k.value and e.bond is not null
  )
returning seq, parent, child, id, name, bond;

-- step: keep_forgotten: [seq, parent, child, id, name, bond]; the edges by which a step hears of all that has ended
insert into edges (seq, parent, child, id, name, is_pending, ignored, bond)
select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, 0, :reason, value ->> 5 from jsonb_each(:rows);
