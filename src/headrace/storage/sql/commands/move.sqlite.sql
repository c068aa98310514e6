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

-- step: expect_again: [key …] of jobs that are retried together; none goes on without another of them
update edges set ignored = null
where ignored is not null
  and parent in (select value from json_each(:keys)) and child in (select value from json_each(:keys));

-- step: unfinish
delete from finished where key = :key;

-- step: prioritise_delayed
update delayed set priority = :priority where key = :key;

-- step: prioritise_parent
update parents set priority = :priority where key = :key;

-- step: request_cancel
update leases set is_cancel_requested = 1 where key = :key;

-- step: belongings: what must be known of a job before it goes to another queue
select j.id,
       r.parent_queue is not null or r.children > 0
         or exists (select 1 from edges e where e.child = j.key and e.bond is not null),
       r.due_at
from jobs j join records r on r.key = j.key where j.key = :key;

-- Every table that knows the job by its key; its parent and its children would, too, and so those stay together.

-- step: rekey_job
update jobs set key = :to, parent = null, policy = null where key = :key;

-- step: rekey_id
update ids set queue = :queue, key = :to where (queue, id) in (select :key >> 40, j.id from jobs j where j.key = :to);

-- step: rekey_finished
update finished set key = :to, queue = :queue where key = :key;

-- step: rekey_parent
update parents set key = :to where key = :key;

-- step: rekey_deferred
update deferred set key = :to where key = :key;

-- step: rekey_failures
update failures set key = :to where key = :key;

-- step: rekey_annotations
update annotations set key = :to where key = :key;

-- step: rekey_lines
update lines set key = :to where key = :key;
