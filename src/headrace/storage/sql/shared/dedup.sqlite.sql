-- Dedup keys: who has them, and until when.

-- step: taken: [queue, name …] that are taken, with the state of the job that has each, and whether others await its end
select d.queue, d.name, d.owner, d.id, d.expires_at, d.is_forever, r.state,
       r.parent is not null or exists (select 1 from edges e where e.child = d.owner and e.bond is not null)
from json_each(:pairs) p
join dedups d on d.queue = p.value ->> 0 and d.name = p.value ->> 1
left join records r on r.key = d.owner
where d.expires_at is null or d.expires_at > :now;

-- step: take: [queue, name, owner, custom id, expires_at, is_forever], unless it is taken
insert into dedups (queue, name, owner, id, expires_at, is_forever, kept)
select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, null from jsonb_each(:rows) where true
on conflict (queue, name) do update set
  owner = excluded.owner, id = excluded.id, expires_at = excluded.expires_at, is_forever = excluded.is_forever,
  kept = null
where expires_at <= :now;

-- step: who_has: one key, by the name of its queue
select owner, id, expires_at, is_forever, kept is not null from dedups
where queue = (select id from queues where name = :queue) and name = :name and (expires_at is null or expires_at > :now);

-- step: extend
update dedups set expires_at = :expires_at where queue = :queue and name = :name;

-- step: keep: the job for the end of the owner
update dedups set kept = :kept where queue = :queue and name = :name;

-- step: kept: [owner …] that have finished, in this order, with what was kept for it
select d.kept from json_each(:keys) k join dedups d on d.owner = k.value
where d.expires_at is null and not d.is_forever and d.kept is not null order by k.key;

-- step: finish: [owner …]
delete from dedups
where owner in (select value from json_each(:keys)) and expires_at is null and not is_forever;

-- step: lose: [owner …] that go before they have finished
delete from dedups where owner in (select value from json_each(:keys));

-- step: free: by hand
delete from dedups where queue = (select id from queues where name = :queue) and name = :name
returning owner, id, expires_at;

-- step: forget_old
delete from dedups where (queue, name) in (
  select queue, name from dedups where expires_at <= :now limit 1000
);
