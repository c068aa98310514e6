"""The one side: operations as BullMQ does them in Node. One that is refused raises, here and in `ours`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from tests.interop.node import Node

LOCK_MS: Final = 3_600_000

Spec: TypeAlias = tuple[str, dict[str, Any], dict[str, Any]]  # the name, the data, the options
Tree: TypeAlias = dict[str, Any]  # as FlowProducer takes it


class Theirs:
    """BullMQ in Node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def _hand(self, queue: str, id: str, verb: str, *words: Any) -> None:
        await self._node("hand", queue, id, verb, *words)

    async def add(self, queue: str, spec: Spec) -> None:
        await self._node("add", queue, [spec])

    async def add_by_node(self, queue: str, spec: Spec) -> None:
        await self.add(queue, spec)

    async def add_bulk(self, queue: str, specs: Sequence[Spec]) -> None:
        await self._node("bulk", queue, specs)

    async def flow(self, tree: Tree) -> None:
        await self._node("flow", tree)

    async def flow_by_node(self, tree: Tree) -> None:
        await self.flow(tree)

    async def fetch(self, queue: str, token: str) -> None:
        await self._node("fetch", queue, token, LOCK_MS)

    async def complete(self, queue: str, id: str, token: str, result: Any) -> None:
        await self._node("held", queue, id, "moveToCompleted", result, token, False)

    async def complete_on(self, queue: str, id: str, token: str, result: Any) -> None:
        await self._node("complete_on", queue, id, token, result)

    async def fail(self, queue: str, id: str, token: str, reason: str, is_final: bool) -> None:
        await self._node("fail", queue, id, token, reason, is_final)

    async def postpone(self, queue: str, id: str, token: str, delay_ms: int) -> None:
        await self._node("postpone", queue, id, token, delay_ms)

    async def put_back(self, queue: str, id: str, token: str) -> None:
        await self._node("held", queue, id, "moveToWait", token)

    async def await_children(self, queue: str, id: str, token: str) -> None:
        await self._node("held", queue, id, "moveToWaitingChildren", token)

    async def stall(self, queue: str, _: str) -> None:
        await self._node("look_for_stalled", queue)

    async def progress(self, queue: str, id: str, value: Any) -> None:
        await self._hand(queue, id, "updateProgress", value)

    async def log(self, queue: str, id: str, line: str) -> None:
        await self._hand(queue, id, "log", line)

    async def update_data(self, queue: str, id: str, data: Any) -> None:
        await self._hand(queue, id, "updateData", data)

    async def change_priority(self, queue: str, id: str, priority: int) -> None:
        await self._hand(queue, id, "changePriority", {"priority": priority})

    async def change_delay(self, queue: str, id: str, delay_ms: int) -> None:
        await self._hand(queue, id, "changeDelay", delay_ms)

    async def promote(self, queue: str, id: str) -> None:
        await self._hand(queue, id, "promote")

    async def retry(self, queue: str, id: str, state: str) -> None:
        await self._hand(queue, id, "retry", state, {"resetAttemptsMade": True})

    async def remove(self, queue: str, id: str, with_children: bool) -> None:
        await self._hand(queue, id, "remove", {"removeChildren": with_children})

    async def pause(self, queue: str) -> None:
        await self._node("pause", queue)

    async def resume(self, queue: str) -> None:
        await self._node("resume", queue)

    async def drain(self, queue: str, with_delayed: bool) -> None:
        await self._node("queue", queue, "drain", with_delayed)

    async def clean(self, queue: str, state: str, age_ms: int, limit: int) -> None:
        await self._node("queue", queue, "clean", age_ms, limit, "wait" if state == "waiting" else state)

    async def retry_all(self, queue: str, state: str) -> None:
        await self._node("queue", queue, "retryJobs", {"state": state})

    async def promote_all(self, queue: str) -> None:
        await self._node("queue", queue, "promoteJobs")

    async def obliterate(self, queue: str, is_forced: bool) -> None:
        await self._node("queue", queue, "obliterate", {"force": is_forced})

    async def limit_running(self, queue: str, most: int | None) -> None:
        verb = ("removeGlobalConcurrency",) if most is None else ("setGlobalConcurrency", most)
        await self._node("queue", queue, *verb)

    async def limit_rate(self, queue: str, most: int | None) -> None:
        verb = ("removeGlobalRateLimit",) if most is None else ("setGlobalRateLimit", most, LOCK_MS)
        await self._node("queue", queue, *verb)

    async def schedule(self, queue: str, id: str, repeat: Mapping[str, Any], at_ms: int) -> None:
        template = {"name": "tick", "data": {"s": id}, "opts": {"attempts": 1}}
        await self._node("schedule", queue, id, repeat, template, at_ms)

    async def unschedule(self, queue: str, id: str) -> None:
        await self._node("unschedule", queue, id)
