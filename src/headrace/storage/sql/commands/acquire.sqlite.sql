-- Acquire

-- step: extend
update locks set expires_at = :expires_at
where name = :name and owner = :owner and expires_at > :now and fence = coalesce(:fence, fence)
returning fence;

-- step: first -- of the holds of a lock, the one that ends first; and how many there are
select owner, expires_at, count(*) over () from locks
where name = :name and expires_at > :now order by expires_at, fence limit 1;

-- step: clear -- what has expired, of whatever lock; a page, because a turn must stay short
delete from locks where fence in (select fence from locks where expires_at <= :now limit 1000);

-- step: number
update fences set last = last + 1 returning last;

-- step: take
insert into locks (fence, name, owner, taken_at, expires_at) values (:fence, :name, :owner, :now, :expires_at);
