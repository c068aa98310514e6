-- What every transition writes: places, events, and the counters of the queue.

-- step: head: of the queue of this name
select id, name, channel, is_paused, resting_until, number, back, front, wakes,
       waiting, prioritized, delayed, active, waiting_children, completed, failed, first, last, is_forgotten,
       minute, tally, limits, starts
from queues where name = :name;

-- step: head_of: of the queue of this number
select id, name, channel, is_paused, resting_until, number, back, front, wakes,
       waiting, prioritized, delayed, active, waiting_children, completed, failed, first, last, is_forgotten,
       minute, tally, limits, starts
from queues where id = :id;

-- step: make_channel
insert into channels (name) values (:name) on conflict (name) do nothing;

-- step: make_queue
insert into queues (name, channel, first, last) select :name, id, first, last from channels where name = :channel
on conflict (name) do update set is_forgotten = 0;

-- step: save_head
update queues set
  is_paused = ?, resting_until = ?, number = ?, back = ?, front = ?, wakes = ?,
  waiting = ?, prioritized = ?, delayed = ?, active = ?, waiting_children = ?, completed = ?, failed = ?,
  first = ?, last = ?, is_forgotten = ?, minute = ?, tally = ?
where id = ?;

-- step: ready: [queue, priority, position, key, made, started, stalls]
insert into ready (queue, priority, position, key, made, started, stalls, entered_at)
select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, :now
from jsonb_each(:rows);

-- step: delayed: [queue, due_at, position, key, priority, made, started, stalls]
insert into delayed (queue, due_at, position, key, priority, made, started, stalls)
select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
from jsonb_each(:rows);

-- step: events: [job id, body]
insert into log (channel, position, at, key, body)
select :channel, :first + key, :now, value ->> 0, value ->> 1 from jsonb_each(:rows);

-- step: trim
delete from log where channel = :channel and position < :first;

-- step: defer: [key, failure]; the first deferred failure stays
insert or ignore into deferred (key, failure)
select value ->> 0, value ->> 1 from jsonb_each(:rows);

-- step: signal
insert into signals (topic, count) values (:topic, 1) on conflict (topic) do update set count = count + 1;
