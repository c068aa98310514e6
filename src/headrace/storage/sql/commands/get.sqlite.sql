-- Get

-- step: records: [key …]
select r.key, r.queue, r.id, r.name, r.state, r.data, r.options, r.priority, r.added_at, r.made, r.started, r.stalls,
       r.due_at, r.started_at, r.finished_at, r.expires_at, r.worker, r.is_cancel_requested, r.progress, r.notes,
       r.result, r.failure, r.failures, r.parent_queue, r.parent_id, r.policy, r.children_pending, r.children
from records r where r.key in (select value from json_each(:keys));
