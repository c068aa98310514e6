"""Node's BullMQ and an app of ours on one server: what either adds, either works off, and both read.

A job is written once, in Node's words, and is added by either side in its own way: `job("give", "q", value=1)`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final, Literal, TypeAlias

import headrace
from headrace.core.commands import Count
from headrace.core.jobs import JobRecord
from headrace.core.results import JobFailed
from headrace.storage.protocol import granted
from tests.interop.deeds import call, learn
from tests.interop.node import Node, installed

Side: TypeAlias = Literal["node", "ours", "both"]
Tree: TypeAlias = dict[str, Any]

DEADLINE_S: Final = 20.0
SIDES: Final[tuple[Side, ...]] = ("node", "ours")
POLICIES: Final = {
    "failParentOnFailure": "fail_parent",
    "continueParentOnFailure": "continue_parent",
    "ignoreDependencyOnFailure": "ignore",
    "removeDependencyOnFailure": "drop",
}


def other(side: Side) -> Side:
    return "ours" if side == "node" else "node"


def job(name: str, queue: str, /, *children: Tree, opts: dict[str, Any] | None = None, **data: Any) -> Tree:
    found = {"name": name, "queueName": queue, "data": data, "opts": opts or {}}
    return found | {"children": list(children)} if children else found


def call_of(app: headrace.App, tree: Tree) -> Any:
    """The same job, and all below it, as we add it."""
    made = call(app, tree["queueName"], tree["name"], **tree["data"]).options(**_options(tree["opts"]))
    children = tree.get("children", ())
    return made.after(*[call_of(app, child) for child in children], if_failed="wait") if children else made


def _options(opts: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in opts.items():
        match name:
            case "attempts" | "priority" | "lifo":
                found[name] = value
            case "jobId":
                found["job_id"] = value
            case "delay":
                found["delay"] = value / 1000
            case "backoff":
                kind = headrace.Fixed if value["type"] == "fixed" else headrace.Exponential
                found["backoff"] = kind(value["delay"] / 1000, jitter=value.get("jitter", 0))
            case "removeOnComplete":
                found["keep_completed"] = _keep(value)
            case "removeOnFail":
                found["keep_failed"] = _keep(value)
            case _:
                found["if_failed"] = POLICIES[name]
    return found


def _keep(value: Any) -> headrace.Keep:
    if isinstance(value, dict):
        return headrace.Keep(**value)
    return headrace.Keep(0 if value is True else value)


async def soon(asked: Callable[[], Awaitable[Any]]) -> Any:
    """What is asked for, as soon as it is something."""
    async with asyncio.timeout(DEADLINE_S):
        while not (found := await asked()):
            await asyncio.sleep(0.01)
    return found


class Across:
    """Both sides. `keys` is the server as it is."""

    def __init__(self, node: Node, url: str, prefix: str, keys: Any) -> None:
        self.node = node
        self.url = url
        self.prefix = prefix
        self.keys = keys
        self.app = headrace.App(settings=headrace.Settings(url=url, prefix=prefix, poll=1.0))
        self._queues = 0

    def queue(self) -> str:
        """A queue that nobody has used."""
        self._queues += 1
        return f"q{self._queues}"

    async def add(self, by: Side, *trees: Tree) -> list[str]:
        """The ids of the roots."""
        if by == "ours":
            return [added.id for added in await self.app.enqueue_many([call_of(self.app, tree) for tree in trees])]
        ids = list[str]()
        for tree in trees:
            if "children" in tree:
                ids.append(await self.node("flow", tree))
            else:
                ids += await self.node("add", tree["queueName"], [[tree["name"], tree["data"], tree["opts"]]])
        return ids

    @asynccontextmanager
    async def working(self, by: Side, *queues: str, **opts: Any) -> AsyncIterator[None]:
        """A worker of this side, or of both; Node's gets the options."""
        async with AsyncExitStack() as stack:
            if by != "ours":
                for queue in queues:
                    await self.node("work", queue, opts)
                stack.push_async_callback(self.node, "rest")
            if by != "node":
                learn(self.app, *queues)
                await stack.enter_async_context(self.app.worker(*queues, name="ours"))
            yield

    @asynccontextmanager
    async def victim(self, side: Side, queue: str, lease_ms: int) -> AsyncIterator[None]:
        """A worker in a process of its own, which gives back what stalled, and is killed in the end."""
        if side == "node":
            node = await Node.start(installed(), self.url, self.prefix)
        else:
            words = ("-m", "tests.interop.deeds", self.url, self.prefix, queue, str(lease_ms / 1000))
            node = Node(await asyncio.create_subprocess_exec(sys.executable, *words))  # to be killed like it
        try:
            if side == "node":
                await node("work", queue, {"lockDuration": lease_ms, "stalledInterval": lease_ms // 2})
            yield
        finally:
            await node.kill()

    async def ended(self, queue: str, *ids: str) -> list[JobRecord]:
        """The jobs, when they have finished."""
        found = []
        for job_id in ids:
            job = await self.app.get(queue, job_id)
            with suppress(JobFailed):
                await job.result(timeout=DEADLINE_S)
            found.append(await job.refresh())
        return found

    async def finished(self, queue: str, **counts: int) -> None:
        """Wait until this many jobs stand so and none is on its way."""
        wanted = {state.replace("_", "-"): count for state, count in counts.items()}

        async def is_so() -> bool:
            (counts,) = granted(await self.app.storage.run(Count((queue,)))).queues.values()
            return {state: count for state, count in counts.items() if count} == wanted

        await soon(is_so)

    async def seen(self, queue: str, job_id: str) -> Any:
        """The job as Node reads it."""
        return await self.node("job", queue, job_id)

    def events(self, queue: str, event: str) -> list[dict[str, str]]:
        entries = self.keys.xrange(f"{self.prefix}:{queue}:events")
        return [fields | {"at": at.partition("-")[0]} for at, fields in entries if fields["event"] == event]
