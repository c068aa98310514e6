-- Move

-- step: standing
select state, priority, made, started, stalls, parent, options from records where key = :key;

-- step: unready
delete from ready where key = :key;

-- step: undelay
delete from delayed where key = :key;

-- step: unwait
update parents set is_waiting = 0 where key = :key;

-- step: wait_again
update parents set is_waiting = 1, entered_at = :now, priority = :priority, made = :made, started = :started,
                   stalls = :stalls
where key = :key;

-- step: unfinish
delete from finished where key = :key;

-- step: prioritise_delayed
update delayed set priority = :priority where key = :key;

-- step: prioritise_parent
update parents set priority = :priority where key = :key;

-- step: request_cancel
update leases set is_cancel_requested = 1 where key = :key;
