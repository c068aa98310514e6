"""The workers of a store, seen and told what to do from anywhere."""

import asyncio
import builtins
from collections.abc import Sequence
from difflib import get_close_matches
from secrets import token_hex
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from headrace.client import Door
from headrace.core import topics
from headrace.core.commands import Publish, Read, Trim, WorkerRecord
from headrace.core.commands import Workers as Living
from headrace.core.errors import InvalidOption, Misuse
from headrace.core.orders import KEPT, Answer, NoAnswer, NoSuchWorker, Order, OrderName, OrderRefused, OrderWaits
from headrace.core.settings import CONCURRENCY_MAX
from headrace.engine.home import Home
from headrace.engine.sync import blocking
from headrace.limits import Rate, stored_rate
from headrace.spans import Span, count_of, span_ms
from headrace.storage.protocol import granted

A = TypeVar("A")

TIMEOUT_S: Final = 5.0
TIMEOUT_MAX_MS: Final = 3_600_000

Records: TypeAlias = dict[str, WorkerRecord]
"""What workers answered, by their ids."""


class Workers:
    """The workers of a store, as `app.workers` has them.

    A worker is named by its id, or by a beginning of it that no other has. An answer takes some milliseconds; whoever
    gives none within `timeout` seconds is named by `NoAnswer`, and may do it yet. `NoSuchWorker` if one is not there,
    before anybody is told anything. `OrderWaits` if a handler blocks the event loop of one: to be pinged, to pause and
    to show stacks it needs no loop, and answers within a second; all else it does when the loop is free.
    """

    def __init__(self, door: Door, home: Home) -> None:
        self._door = door
        self._home = home

    @blocking
    async def list(self) -> "builtins.list[WorkerRecord]":
        """Every worker that lives, by id, as it was at its last beat, at most some seconds ago."""
        return [*granted(await self._door.run(Living())).workers]

    @blocking
    async def get(self, worker: str) -> WorkerRecord:
        """One worker, as it was at its last beat."""
        (found,) = await self._found((worker,))
        return found

    @blocking
    async def ping(self, *workers: str, timeout: Span = TIMEOUT_S) -> Records:
        """These workers, or all, as they are now."""
        return await self._records("ping", await self._found(workers), timeout)

    @blocking
    async def pause(self, *workers: str, timeout: Span = TIMEOUT_S) -> Records:
        """Let them claim no jobs until they are resumed; what runs goes on. A worker that starts anew is not paused."""
        return await self._records("pause", await self._named("pause", workers), timeout)

    @blocking
    async def resume(self, *workers: str, timeout: Span = TIMEOUT_S) -> Records:
        """Let them claim again."""
        return await self._records("resume", await self._named("resume", workers), timeout)

    @blocking
    async def drain(self, *workers: str, timeout: Span = TIMEOUT_S) -> Records:
        """Let them claim no more, and end when what runs has ended. Answered at once."""
        return await self._records("drain", await self._named("drain", workers), timeout)

    @blocking
    async def stop(self, *workers: str, timeout: Span = TIMEOUT_S) -> Records:
        """Let them hand back what runs, unburnt, and end. Answered at once."""
        return await self._records("stop", await self._named("stop", workers), timeout)

    @blocking
    async def set_concurrency(self, concurrency: int, *workers: str, timeout: Span = TIMEOUT_S) -> Records:
        """Let them run so many jobs at once, until they start anew; of those beyond, none is stopped."""
        count_of("concurrency", concurrency, 1, CONCURRENCY_MAX)
        return await self._records(
            "set", await self._named("set_concurrency", workers), timeout, concurrency=concurrency
        )

    @blocking
    async def set_rate(self, rate: Rate | None, *workers: str, timeout: Span = TIMEOUT_S) -> Records:
        """Let each of them start no more jobs than that from now on, until it starts anew; None lifts the rate.

        Starts of before count for it if the worker had a rate then.
        """
        stored = stored_rate(rate)
        return await self._records("set", await self._named("set_rate", workers), timeout, rate=stored)

    @blocking
    async def stacks(self, *workers: str, timeout: Span = TIMEOUT_S) -> dict[str, str]:
        """Where each thread and each task of these workers, or of all, is now: text for people, by worker."""
        return await self._told("stacks", await self._found(workers), timeout, str)

    async def _named(self, order: str, workers: Sequence[str]) -> "builtins.list[WorkerRecord]":
        if not workers:
            raise Misuse(f"name the workers to {order}; all are *(worker.id for worker in await app.workers.list())")
        return await self._found(workers)

    async def _found(self, workers: Sequence[str]) -> "builtins.list[WorkerRecord]":
        """The records of these workers, each once; of all without any."""
        living = {record.id: record for record in await self.list()}
        wanted = [_meant(worker, living) for worker in workers] if workers else [*living]
        return [living[worker] for worker in dict.fromkeys(wanted)]

    async def _records(self, do: OrderName, to: Sequence[WorkerRecord], timeout: Span, **what: Any) -> Records:
        return await self._told(do, to, timeout, WorkerRecord, **what)

    async def _told(
        self, do: OrderName, to: Sequence[WorkerRecord], timeout: Span, kind: type[A], **what: Any
    ) -> dict[str, A]:
        """What each of them answered to an order; `what` are fields of it."""
        timeout_ms = span_ms("timeout", timeout, TIMEOUT_MAX_MS)
        if not to:
            return {}
        key, order = token_hex(8), Order(do, tuple(record.id for record in to), **what)
        before = granted(await self._door.run(Read(topics.ANSWERS, limit=0))).last
        body = msgspec.json.encode(order).decode()
        for reply in await self._door.run(Publish(topics.ORDERS, (body,), key), Trim(topics.ORDERS, KEPT)):
            granted(reply)
        answers = await self._answers(key, before, len(to), timeout_ms)
        results = {answer.worker: msgspec.convert(answer.result, kind) for answer in answers if answer.problem is None}
        for answer in answers:
            if answer.problem is not None:
                raise OrderRefused(worker=answer.worker, problem=answer.problem, answers=results)
        silent = tuple(worker for worker in order.to if worker not in results)
        if silent:
            named = ", ".join(silent)
            raise NoAnswer(workers=named, timeout_ms=timeout_ms, silent=silent, answers=results)
        waiting = tuple(answer.worker for answer in answers if answer.waits)
        if waiting:
            raise OrderWaits(workers=", ".join(waiting), waiting=waiting, answers=results)
        return results

    async def _answers(self, key: str, position: int, count: int, timeout_ms: int) -> "builtins.list[Answer]":
        """What was said to the order of this key in time."""
        loop = asyncio.get_running_loop()
        end, found = loop.time() + timeout_ms / 1000, list[Answer]()
        while True:
            page = granted(await self._door.run(Read(topics.ANSWERS, position)))
            position = page.entries[-1].position if page.entries else position
            found += [msgspec.json.decode(entry.body, type=Answer) for entry in page.entries if entry.key == key]
            left_ms = round((end - loop.time()) * 1000)
            if len(found) >= count or left_ms <= 0:
                return found
            await self._door.wait({topics.log(topics.ANSWERS)}, left_ms)


def _meant(worker: str, living: Records) -> str:
    """The id that is meant; `NoSuchWorker` unless there is one."""
    if not isinstance(worker, str):
        raise InvalidOption(f"a worker is named by its id, a text, and not by {worker!r}")
    if worker in living:
        return worker
    fit = [known for known in living if worker and known.startswith(worker)]
    if len(fit) == 1:
        return fit[0]
    if fit:
        raise NoSuchWorker(f"several workers begin with {worker!r}: {', '.join(fit[:5])}")
    near = get_close_matches(worker, living, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there is {', '.join([*living][:5]) or 'none'}"
    raise NoSuchWorker(f"there is no worker {worker!r}; {hint}")
