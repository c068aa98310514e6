-- Find: the keys of a page with the place of each in its order; (:a, :b) is where the last page ended.

-- step: ready
select key, priority, position from ready
where queue = :queue and (priority = 0) = (:state = 'waiting') and (:a is null or (priority, position) > (:a, :b))
order by priority, position limit :limit;

-- step: delayed
select key, due_at, position from delayed
where queue = :queue and (:a is null or (due_at, position) > (:a, :b))
order by due_at, position limit :limit;

-- step: active
select key, expires_at, key from leases
where key >> 40 = :queue and (:a is null or (expires_at, key) > (:a, :b))
order by expires_at, key limit :limit;

-- step: parents
select key, entered_at, key from parents
where is_waiting and key >> 40 = :queue and (:a is null or (entered_at, key) > (:a, :b))
order by entered_at, key limit :limit;

-- step: finished
select key, finished_at, key from finished
where queue = :queue and state = :state and (:a is null or (finished_at, key) < (:a, :b))
order by finished_at desc, key desc limit :limit;
