-- Acquire. The row outlives the hold, so that the fence goes on growing.

-- step: take
insert into locks (name, owner, fence, expires_at) values (:name, :owner, 1, :expires_at)
on conflict (name) do update set
  fence = fence + (owner <> excluded.owner or expires_at <= :now),
  owner = excluded.owner,
  expires_at = excluded.expires_at
where owner = excluded.owner or expires_at <= :now
returning fence;

-- step: holder
select owner from locks where name = :name;
