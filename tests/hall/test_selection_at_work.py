"""Jobs are listed while they move: each that is there all the time is on the page, once."""

from typing import Any

import headrace
from headrace.core.commands import Claim, Command, Find, Move, Queues, Settle, Source
from headrace.core.jobs import JobRef
from headrace.core.lifecycle import settle
from headrace.core.outcomes import Done
from headrace.storage.protocol import Storage, Wrapper, granted


class Busy(Wrapper):
    """A store in which jobs go on after each look: one is claimed, one that ran completes, one is retried."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self._running: list[Any] = []
        self._done: list[JobRef] = []

    async def run(self, *commands: Command[Any]) -> Any:
        reply = await self.inner.run(*commands)
        if isinstance(commands[0], Queues | Find):
            await self._work()
        return reply

    async def _work(self) -> None:
        self._running += granted(await self.inner.run(Claim((Source("q"),), 2, "t", 60_000))).leases
        if len(self._running) > 2:
            lease = self._running.pop(0)
            await self.inner.run(Settle((settle(lease, Done(), 0.0),)))
            self._done.append(JobRef("q", lease.id))
        if len(self._done) > 1:
            await self.inner.run(Move((self._done.pop(0),), "retry"))


def watched(app: headrace.App, query: str = "") -> headrace.Selection:
    """A selection in which jobs go on while they are listed."""
    selection = app.select(query)
    store = Busy(app.storage)

    class Client:
        def __getattr__(self, name: str) -> Any:
            return getattr(selection._client, name)

        async def open(self) -> Storage:
            return store

        async def run(self, command: Command[Any]) -> Any:
            return granted(await store.run(command))

    return headrace.Selection(Client(), selection.query)  # type: ignore[arg-type]


async def test_a_job_that_goes_from_state_to_state_is_on_the_page_once(app: headrace.App) -> None:
    await app.enqueue_many(app.queue("q").call("x", {"n": n}) for n in range(8))
    every = [str(number) for number in range(1, 9)]
    busy = {query: watched(app, query) for query in ("", "name:x")}
    for selection in busy.values():
        for _ in range(12):
            page = await selection.jobs()
            assert sorted(job.id for job in page) == every
            assert page.cursor is None
    await app.queue("q").obliterate(force=True)


async def test_a_page_is_never_longer_than_asked_for_and_names_no_job_twice(app: headrace.App) -> None:
    await app.enqueue_many(app.queue("q").call("x") for _ in range(30))
    for query in ("", "name:x"):
        selection = watched(app, query)
        for limit in (1, 3, 7, 29):
            page = await selection.jobs(limit=limit)
            assert 0 < len(page) <= limit
            assert len({job.id for job in page}) == len(page)
            assert page.cursor is not None
    await app.queue("q").obliterate(force=True)


async def test_at_rest_pages_are_full_whatever_the_states_and_end_with_the_last_job(app: headrace.App) -> None:
    queue = app.queue("q")
    await app.enqueue_many(queue.call("x", {"n": n}) for n in range(9))
    await app.enqueue_many(queue.call("x", {"n": n}).options(delay=60) for n in range(4))
    await app.enqueue_many(queue.call("x", {"n": n}).options(priority=1) for n in range(5))
    await app.storage.run(Claim((Source("q"),), 3, "t", 60_000))
    for query in ("", "name:x", "data.n:>=0"):
        after, sizes, seen = None, [], []
        while True:
            page = await app.select(query).jobs(limit=4, after=after)
            sizes.append(len(page))
            seen += [job.id for job in page]
            after = page.cursor
            if after is None:
                break
        assert sizes == [4, 4, 4, 4, 2]
        assert len(set(seen)) == 18
    await queue.obliterate(force=True)
