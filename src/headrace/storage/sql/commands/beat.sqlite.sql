-- Beat

-- step: save
insert into workers (id, record, started_at, seen_at, expires_at) values (:id, :record, :now, :now, :expires_at)
on conflict (id) do update set
  started_at = iif(expires_at > :now, started_at, excluded.started_at),
  record = excluded.record, seen_at = excluded.seen_at, expires_at = excluded.expires_at;

-- step: forget_dead
delete from workers where expires_at <= :now;
