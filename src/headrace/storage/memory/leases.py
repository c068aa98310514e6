"""Renew and Recover: leases that are kept, and leases that ended."""

from heapq import merge
from itertools import islice, takewhile
from typing import Final

from headrace.core import lifecycle, topics
from headrace.core.commands import Recover, Recovered, Renew, Renewed
from headrace.core.jobs import JobRef
from headrace.storage.memory import dedup, kin
from headrace.storage.memory.expire import expire
from headrace.storage.memory.places import extend, leave, to_ready
from headrace.storage.memory.settle import leased
from headrace.storage.memory.tally import forget_old
from headrace.storage.memory.world import Job, World

REQUESTS_KEPT_MS: Final = 10 * 60 * 1000  # how long the answer to an Add is kept for its repetition


def renew(world: World, command: Renew, now: int) -> Renewed:
    lost: list[JobRef] = []
    cancelled: dict[JobRef, str] = {}
    for hold in command.leases:
        ref = JobRef(hold.queue, hold.id)
        job = leased(world, ref, hold.token)
        if job is None:
            lost.append(ref)
            continue
        extend(world, job, now + command.lease_ms)
        if job.is_cancel_requested:
            cancelled[ref] = lifecycle.cancel_reason(job.failure)
    return Renewed(tuple(lost), tuple(cancelled), tuple(cancelled.values()))


def recover(world: World, command: Recover, now: int) -> Recovered:
    active = merge(*(queue.orders["active"] for queue in world.queues.values()), key=lambda job: job.key)
    overdue = list(islice(takewhile(lambda job: job.key[0] <= now, active), command.limit))
    for job in overdue:
        _give_back(world, job, now)
    if overdue:
        world.wake(topics.CONTROL)  # whoever still runs one of them should learn it soon
    expired, is_more = expire(world, command.limit, now)
    _forget_requests(world, now)
    dedup.forget_old(world, now)
    forget_old(world, now)
    return Recovered(tuple(job.ref for job in overdue), expired, is_more)


def _give_back(world: World, job: Job, now: int) -> None:
    job.stalls += 1
    failure = lifecycle.revive(job.options, job.stalls)
    if failure:
        kin.defer(job, failure, now)
    to_ready(world, job, now, leave(world, job), is_front=True, cause="stalled")


def _forget_requests(world: World, now: int) -> None:
    old = takewhile(lambda item: item[1][0] < now - REQUESTS_KEPT_MS, world.requests.items())
    for request_id, _ in list(old):
        del world.requests[request_id]
