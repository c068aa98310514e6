"""The other side: the same operations as Headrace does them. Jobs and their options are given in BullMQ's words."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import headrace
from headrace.core import lifecycle
from headrace.core.backoff import Exponential, Fixed
from headrace.core.codec import encode
from headrace.core.commands import Annotate, Claim, Claimed, Configure, Move, Remove, Settle, Source
from headrace.core.errors import Refused
from headrace.core.jobs import Dedup, Failure, JobRef, Keep, Lease, NewJob, Options, Parent, Policy
from headrace.core.limits import Rate
from headrace.core.outcomes import AwaitsChildren, Failed, Outcome, Postponed, PutBack
from headrace.storage.protocol import granted
from tests.conformance.desk import Desk, done
from tests.interop.node import Node
from tests.interop.twins.picture import PREFIX
from tests.interop.twins.theirs import LOCK_MS, Spec, Theirs, Tree

POLICIES: Final[dict[str, Policy]] = {
    "failParentOnFailure": "fail_parent",
    "continueParentOnFailure": "continue_parent",
    "ignoreDependencyOnFailure": "ignore",
    "removeDependencyOnFailure": "drop",
}


def new_job(queue: str, spec: Spec, *, parent: Parent | None = None, has_children: bool = False) -> NewJob:
    """A job of ours from BullMQ's words."""
    name, data, opts = spec
    if "parent" in opts:
        parent = _parent(opts["parent"]["queue"].removeprefix(f"{PREFIX}:"), opts["parent"]["id"], opts)
    backoff, dedup = opts.get("backoff"), opts.get("deduplication")
    kind = {"fixed": Fixed, "exponential": Exponential}
    options = Options(
        attempts=opts["attempts"],
        backoff=kind[backoff["type"]](backoff["delay"]) if backoff else None,
        lifo=opts.get("lifo", False),
        keep_completed=_keep(opts.get("removeOnComplete")),
        keep_failed=_keep(opts.get("removeOnFail")),
        dedup=_dedup(dedup) if dedup else None,
    )
    return NewJob(
        *(queue, name, encode(data), opts.get("jobId"), opts.get("priority", 0), opts.get("delay", 0)),
        *(options, parent, has_children),
    )


def _parent(queue: str, id: str, opts: Mapping[str, Any]) -> Parent:
    return Parent(queue, id, next((policy for word, policy in POLICIES.items() if opts.get(word)), "wait"))


def _keep(given: Any) -> Keep | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        return Keep(0 if given is True else given)
    return Keep(given.get("count"), given["age"] * 1000 if "age" in given else None)


def _dedup(given: Mapping[str, Any]) -> Dedup:
    words = {"extend": "extends", "replace": "replaces", "reschedule": "reschedules", "keepLastIfActive": "keeps_last"}
    return Dedup(given["id"], given.get("ttl"), **{ours: True for word, ours in words.items() if given.get(word)})


def _flow(tree: Tree) -> list[NewJob]:
    """The jobs of a flow in the order in which BullMQ adds them: level by level."""
    jobs: list[NewJob] = []
    level: list[tuple[Tree, Parent | None]] = [(tree, None)]
    while level:
        below: list[tuple[Tree, Parent | None]] = []
        for node, parent in level:
            children = node.get("children", ())
            spec = (node["name"], node["data"], node["opts"])
            jobs.append(new_job(node["queueName"], spec, parent=parent, has_children=bool(children)))
            below += [(each, _parent(node["queueName"], node["opts"]["jobId"], each["opts"])) for each in children]
        level = below
    return jobs


class NotHeld(Exception):
    """The job was not fetched; so it is where operations before were left out."""


class Ours:
    """Headrace. Schedulers are Node's on either side: ours are another thing."""

    def __init__(self, desk: Desk, app: headrace.App, node: Node) -> None:
        self._desk = desk
        self._app = app
        self._node = Theirs(node)
        self._leases: dict[JobRef, Lease] = {}

    async def add(self, queue: str, spec: Spec) -> None:
        await self._desk.add(new_job(queue, spec))

    async def add_by_node(self, queue: str, spec: Spec) -> None:
        await self._node.add(queue, spec)

    async def add_bulk(self, queue: str, specs: Sequence[Spec]) -> None:
        await self._desk.add(*(new_job(queue, spec) for spec in specs))

    async def flow(self, tree: Tree) -> None:
        await self._desk.add(*_flow(tree))

    async def flow_by_node(self, tree: Tree) -> None:
        await self._node.flow(tree)

    async def fetch(self, queue: str, token: str) -> None:
        self._take(await self._desk.run(_next(queue, token)))

    def _take(self, claimed: Claimed) -> None:
        for lease in claimed.leases:
            self._leases[JobRef(lease.queue, lease.id)] = lease

    def _lease(self, queue: str, id: str) -> Lease:
        lease = self._leases.pop(JobRef(queue, id), None)
        if lease is None:
            raise NotHeld(f"{queue}/{id}")
        return lease

    async def _settle(self, queue: str, id: str, outcome: Outcome) -> None:
        lease = self._lease(queue, id)
        await self._checked(await self._desk.settle(lifecycle.settle(lease, outcome, 0.0)))

    async def _checked(self, refusals: Sequence[Refused | None]) -> None:
        for refusal in refusals:
            if refusal is not None:
                raise refusal

    async def complete(self, queue: str, id: str, token: str, result: Any) -> None:
        lease = self._lease(queue, id)
        await self._checked(await self._desk.settle(done(lease, encode(result))))

    async def complete_on(self, queue: str, id: str, token: str, result: Any) -> None:
        outcome = Settle((done(self._lease(queue, id), encode(result)),))
        settled, claimed = await self._desk.store.run(outcome, _next(queue, token))
        self._take(granted(claimed))
        await self._checked(granted(settled).refusals)

    async def fail(self, queue: str, id: str, token: str, reason: str, is_final: bool) -> None:
        lease = self._lease(queue, id)
        if lease.deferred is not None:
            await self._checked(await self._desk.settle(lifecycle.settle_deferred(lease, lease.deferred)))
            return
        outcome = Failed(Failure(reason, attempt=lease.attempts_made + 1), not is_final)
        await self._checked(await self._desk.settle(lifecycle.settle(lease, outcome, 0.0)))

    async def postpone(self, queue: str, id: str, token: str, delay_ms: int) -> None:
        await self._settle(queue, id, Postponed(delay_ms))

    async def put_back(self, queue: str, id: str, token: str) -> None:
        await self._settle(queue, id, PutBack())

    async def await_children(self, queue: str, id: str, token: str) -> None:
        await self._settle(queue, id, AwaitsChildren())

    async def stall(self, queue: str, id: str) -> None:
        self._lease(queue, id)
        await self._desk.recover()

    async def progress(self, queue: str, id: str, value: Any) -> None:
        await self._desk.run(Annotate(JobRef(queue, id), progress=encode(value)))

    async def log(self, queue: str, id: str, line: str) -> None:
        await self._desk.run(Annotate(JobRef(queue, id), lines=(line,)))

    async def update_data(self, queue: str, id: str, data: Any) -> None:
        await self._desk.run(Annotate(JobRef(queue, id), data=encode(data)))

    async def _move(self, queue: str, id: str, action: Any, **fields: Any) -> None:
        await self._checked((await self._desk.run(Move((JobRef(queue, id),), action, **fields))).refusals)

    async def change_priority(self, queue: str, id: str, priority: int) -> None:
        await self._move(queue, id, "prioritise", priority=priority)

    async def change_delay(self, queue: str, id: str, delay_ms: int) -> None:
        await self._move(queue, id, "delay", delay_ms=delay_ms)

    async def promote(self, queue: str, id: str) -> None:
        await self._move(queue, id, "promote")

    async def retry(self, queue: str, id: str, state: str) -> None:
        await self._move(queue, id, "retry")

    async def remove(self, queue: str, id: str, with_children: bool) -> None:
        reply = await self._desk.run(Remove((JobRef(queue, id),), with_children=with_children))
        await self._checked(reply.refusals)

    async def pause(self, queue: str) -> None:
        await self._desk.run(Configure(queue, is_paused=True))

    async def resume(self, queue: str) -> None:
        await self._desk.run(Configure(queue, is_paused=False))

    async def drain(self, queue: str, with_delayed: bool) -> None:
        await self._app.queue(queue).drain(delayed=with_delayed)

    async def clean(self, queue: str, state: Any, age_ms: int, limit: int) -> None:
        await self._app.queue(queue).clean(state, older_than=age_ms / 1000, limit=limit)

    async def retry_all(self, queue: str, state: str) -> None:
        await self._app.queue(queue).retry_all(state)

    async def promote_all(self, queue: str) -> None:
        await self._app.queue(queue).promote_all()

    async def obliterate(self, queue: str, is_forced: bool) -> None:
        await self._app.queue(queue).obliterate(force=is_forced)

    async def limit_running(self, queue: str, most: int | None) -> None:
        await self._desk.run(Configure(queue, concurrency=most))

    async def limit_rate(self, queue: str, most: int | None) -> None:
        await self._desk.run(Configure(queue, rate=None if most is None else Rate(most, LOCK_MS)))

    async def schedule(self, queue: str, id: str, repeat: Mapping[str, Any], at_ms: int) -> None:
        await self._node.schedule(queue, id, repeat, at_ms)

    async def unschedule(self, queue: str, id: str) -> None:
        await self._node.unschedule(queue, id)


def _next(queue: str, token: str) -> Claim:
    return Claim((Source(queue),), 1, token, LOCK_MS, "node")
