"""The one language, all of it at once: what it lists it counts, and what it counts it moves, and nothing beside."""

from pathlib import Path

import pytest

import headrace
from headrace.testing import Bench

QUERY = "state:failed name:send* age:>1h error:Timeout data.user:42"


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_only_the_job_that_fits_every_term_is_listed_counted_and_moved(store: str, tmp_path: Path) -> None:
    app = headrace.App("memory://")

    @app.task(queue="mail", name="send_mail")
    async def send(user: int, fault: str) -> None:
        raise {"timeout": TimeoutError, "value": ValueError}[fault](fault)

    @app.task(queue="mail", name="mail_send")
    async def named_otherwise(user: int, fault: str) -> None:
        raise TimeoutError(fault)

    async with Bench(app, "memory://" if store == "memory" else f"sqlite:///{tmp_path}/jobs.db") as bench:
        wanted = await send.enqueue(42, "timeout")
        await app.enqueue_many(
            [
                send.call(42, "value"),  # another error
                send.call(43, "timeout"),  # other data
                named_otherwise.call(42, "timeout"),
                send.call(42, "timeout").options(delay=10_000),  # another state
            ]
        )
        await bench.run_until_idle()
        bench.clock.tick(3_601)
        await send.enqueue(42, "timeout")
        await bench.run_until_idle()  # failed just now
        chosen = app.select(QUERY)
        assert [job.ref for job in await chosen.jobs()] == [wanted.ref]
        assert await chosen.count() == 1
        seen: list[headrace.Swept] = []
        assert (await chosen.retry(progress=seen.append)).done == 1
        assert [swept.done for swept in seen] == [1]
        assert await wanted.state() == "waiting"
        assert (await app.queue("mail").counts())["failed"] == 4
