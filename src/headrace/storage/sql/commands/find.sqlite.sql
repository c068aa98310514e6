-- Find: the keys of a page with the place of each in its order; (:a, :b) is where the last page ended.

-- step: waiting
select key, priority, position from ready
where queue = :queue and priority = 0 and position > :b
order by position limit :limit;

-- step: prioritized: it begins behind those without a priority
select key, priority, position from ready
where queue = :queue and (priority, position) > (:a, :b)
order by priority, position limit :limit;

-- step: delayed
select key, due_at, position from delayed
where queue = :queue and (due_at, position) > (:a, :b)
order by due_at, position limit :limit;

-- step: active
select key, expires_at, key from leases
where key between :queue << 40 and ((:queue + 1) << 40) - 1 and (expires_at, key) > (:a, :b)
order by expires_at, key limit :limit;

-- step: parents
select key, entered_at, key from parents
where is_waiting and key between :queue << 40 and ((:queue + 1) << 40) - 1 and (entered_at, key) > (:a, :b)
order by entered_at, key limit :limit;

-- step: finished
select key, finished_at, key from finished
where queue = :queue and state = :state and (finished_at, key) < (:a, :b)
order by finished_at desc, key desc limit :limit;

-- By number. Which of the ready jobs have a priority is seen when they are looked at.

-- step: ready_steady
select key, key, 0 from ready
where key between max(:a + 1, :queue << 40) and ((:queue + 1) << 40) - 1
order by key limit :limit;

-- step: delayed_steady
select key, key, 0 from delayed
where key between max(:a + 1, :queue << 40) and ((:queue + 1) << 40) - 1
order by key limit :limit;

-- step: active_steady
select key, key, 0 from leases
where key between max(:a + 1, :queue << 40) and ((:queue + 1) << 40) - 1
order by key limit :limit;

-- step: parents_steady
select key, key, 0 from parents
where is_waiting and key between max(:a + 1, :queue << 40) and ((:queue + 1) << 40) - 1
order by key limit :limit;
