-- Workers

-- step: alive
select record, started_at, seen_at, expires_at from workers where expires_at > :now order by id;
