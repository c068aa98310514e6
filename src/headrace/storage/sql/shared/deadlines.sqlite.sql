-- Deadlines: noted by Add and Move, looked at by Recover.

-- step: watch: [expires_at, key]
insert into deadlines (expires_at, key) select value ->> 0, value ->> 1 from jsonb_each(:rows);

-- step: watch_again: a job that has got another key
insert into deadlines (expires_at, key)
select added_at + (options ->> '$.expires_ms'), key from jobs
where key = :to and options ->> '$.expires_ms' is not null;

-- step: come: those that came first
select expires_at, key from deadlines where expires_at <= :now order by expires_at, key limit :limit;

-- step: forget: [expires_at, key]
delete from deadlines where (expires_at, key) in (select value ->> 0, value ->> 1 from json_each(:rows));

-- step: late: [expires_at, key]; the jobs that nobody has started, and that are not to fail anyhow
select r.key, r.id, r.name, r.state, r.priority, r.stalls, r.options, w.entered_at
from json_each(:rows) k
join records r on r.key = k.value ->> 1
left join ready w on w.key = r.key
where r.started = 0 and r.finished_at is null and r.failure is null
order by k.key;
