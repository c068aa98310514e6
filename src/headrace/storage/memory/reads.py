"""Get, Find, Count, Tree, Lines."""

from collections.abc import Iterator

from headrace.core.commands import Count, Counted, Find, Found, Get, Got, Grown, LineList, Lines, Node, Tree
from headrace.core.commands.reads import FIND_MAX, TREE_MAX, strange_cursor
from headrace.core.errors import NoSuchJob, Refused
from headrace.core.jobs import FINISHED, STATES, JobRecord
from headrace.storage.memory import kin
from headrace.storage.memory.match import matches
from headrace.storage.memory.ordered import Key
from headrace.storage.memory.world import Job, Queue, World, record


def get(world: World, command: Get, _now: int) -> Got:
    jobs = [world.job(ref) for ref in command.jobs]
    return Got(tuple(record(job) if job else None for job in jobs))


def find(world: World, command: Find, now: int) -> Found:
    queue = world.queues.get(command.queue) or Queue(command.queue)
    limit = min(command.limit, FIND_MAX)
    page: list[JobRecord] = []
    looked, last = 0, None
    for key, job in _standing(queue, command):
        if len(page) == limit or looked == FIND_MAX:
            return Found(tuple(page), _cursor(last) if last else None, looked)
        looked, last = looked + 1, key
        if matches(job, command.where, now):
            page.append(record(job))
    return Found(tuple(page), None, looked)


def _standing(queue: Queue, command: Find) -> Iterator[tuple[Key, Job]]:
    """The jobs in a state behind the cursor, each with its place in the order that was asked for."""
    order = queue.orders[command.state]
    after = _key(command.after) if command.after else None
    if command.state in FINISHED:
        return ((job.key, job) for job in order.before(after))
    if not command.is_steady:
        return ((job.key, job) for job in order.after(after))
    first = after[0] if after else 0
    jobs = sorted(order, key=lambda job: job.serial)
    return (((job.serial, 0), job) for job in jobs if job.serial > first)


def count(world: World, command: Count, _now: int) -> Counted:
    return Counted(
        {
            name: world.queues[name].counts() if name in world.queues else dict.fromkeys(STATES, 0)
            for name in command.queues
        }
    )


def tree(world: World, command: Tree, _now: int) -> Grown:
    """Depth first: each child is followed by its own children."""
    limit = min(command.limit, TREE_MAX)
    root = world.job(command.job)
    if root is None:
        return Grown(())
    nodes = [Node(root.ref, root.new.name, None, 0, record(root))]
    stack = _below(root, 1)
    while stack and len(nodes) <= limit and command.depth:
        parent, serial, depth = stack.pop()
        nodes.append(_node(world, parent, serial, depth))
        child = None if serial in parent.followed else kin.child_of(world, parent, serial)
        if child and depth < command.depth:
            stack += _below(child, depth + 1)
    return Grown(tuple(nodes[:limit]), len(nodes) > limit)


def lines(world: World, command: Lines, _now: int) -> LineList | Refused:
    job = world.job(command.job)
    if job is None:
        return NoSuchJob(queue=command.job.queue, id=command.job.id)
    oldest = job.lines_count - len(job.lines)
    first = max(command.after, oldest)
    kept = job.lines[first - oldest :][: command.limit]
    return LineList(tuple(kept), first, job.lines_count)


def _below(parent: Job, depth: int) -> list[tuple[Job, int, int]]:
    """The children of a job, to be popped from the end in the order in which they were added."""
    return [(parent, serial, depth) for serial in reversed(parent.children)]


def _node(world: World, parent: Job, serial: int, depth: int) -> Node:
    child = kin.child_of(world, parent, serial)
    ref, name = parent.children[serial]
    return Node(
        job=ref,
        name=name,
        parent=parent.ref,
        depth=depth,
        record=record(child) if child else None,
        is_pending=serial in parent.pending,
        value=parent.values.get(serial),
        ignored=parent.ignored.get(serial),
        is_followed=serial in parent.followed,
    )


def _cursor(key: Key) -> str:
    return f"{key[0]}.{key[1]}"


def _key(cursor: str) -> Key:
    first, _, second = cursor.partition(".")
    try:
        return int(first), int(second)
    except ValueError:
        raise strange_cursor(cursor) from None
