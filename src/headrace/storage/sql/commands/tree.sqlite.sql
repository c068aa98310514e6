-- Tree

-- step: nodes: each child before its next sibling, siblings as they were added
with recursive nodes (key, parent, depth, seq, id, name, is_pending, value, ignored, is_followed) as (
  select key, null, 0, 0, id, name, 0, null, null, 0 from jobs where key = :root
  union all
  select e.child, e.parent, n.depth + 1, e.seq, e.id, e.name, e.is_pending, e.value, e.ignored, e.bond is not null
  from nodes n join edges e on e.parent = n.key
  where n.depth < :depth and not n.is_followed
  order by 3 desc, 4
)
select key, parent, depth, id, name, is_pending, value, ignored, is_followed from nodes limit :limit;

-- step: queue
select name from queues where id = :id;
