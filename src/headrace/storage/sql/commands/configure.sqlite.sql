-- Configure writes the head of the queue: the step save_head of the ledger. Its limits change here only.

-- step: limit
update queues set limits = :limits, starts = :starts where id = :id;
