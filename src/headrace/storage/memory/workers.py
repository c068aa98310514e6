"""Beat, Leave, Workers."""

from msgspec.structs import replace

from headrace.core.commands import Beat, Beaten, Leave, Left, WorkerList, WorkerRecord, Workers
from headrace.storage.memory.world import World


def beat(world: World, command: Beat, now: int) -> Beaten:
    known = _living(world, now).get(command.worker.id)
    world.workers[command.worker.id] = replace(
        command.worker,
        started_at=known.started_at if known else now,
        seen_at=now,
        expires_at=now + command.ttl_ms,
    )
    return Beaten()


def leave(world: World, command: Leave, now: int) -> Left:
    return Left(_living(world, now).pop(command.id, None) is not None)


def workers(world: World, _command: Workers, now: int) -> WorkerList:
    living = _living(world, now)
    return WorkerList(tuple(_seen(living[name], now) for name in sorted(living)))


def _seen(worker: WorkerRecord, now: int) -> WorkerRecord:
    return replace(worker, silent_ms=max(now - worker.seen_at, 0))


def _living(world: World, now: int) -> dict[str, WorkerRecord]:
    """The workers, after forgetting those whose last beat has expired."""
    world.workers = {name: worker for name, worker in world.workers.items() if worker.expires_at > now}
    return world.workers
