-- Configure writes the head of the queue, by the step save_head of the ledger, its retention, and its limits, which change
-- here only.

-- step: limit
update queues set limits = :limits, starts = :starts where id = :id;

-- step: keep
insert into retention (queue, state, count, age_ms) values (:queue, :state, :count, :age_ms)
on conflict (queue, state) do update set count = excluded.count, age_ms = excluded.age_ms;

-- step: keep_by_default
delete from retention where queue = :queue and state = :state;
