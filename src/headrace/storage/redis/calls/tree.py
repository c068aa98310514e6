"""Tree: a job with its descendants."""

from typing import Any, Final

from headrace.core.commands import Grown, Node, Tree
from headrace.core.commands.reads import TREE_MAX
from headrace.core.jobs import JobRef
from headrace.storage.redis.call import Call
from headrace.storage.redis.failures import reason_of
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word
from headrace.storage.redis.records import record


def tree(command: Tree, _: Keys) -> tuple[Word, ...]:
    return command.job.queue, command.job.id, command.depth, min(command.limit, TREE_MAX)


def grown(command: Tree, reply: Any, keys: Keys) -> Grown:
    limit = min(command.limit, TREE_MAX)
    return Grown(tuple(_node(row, keys) for row in reply[:limit]), len(reply) > limit)


def _node(row: list[Any], keys: Keys) -> Node:
    queue, job_id, name, parent_queue, parent_id, depth, found, is_pending, value, ignored, is_followed = row
    job = JobRef(queue, job_id)
    return Node(
        job,
        name,
        JobRef(parent_queue, parent_id) if depth else None,
        depth,
        None if found is None else record(job, found, keys),
        bool(is_pending),
        value,
        None if ignored is None else reason_of(ignored, keys),
        bool(is_followed),
    )


CALLS: Final[dict[type, Call]] = {Tree: Call("tree", tree, grown)}
