"""`headrace stats`: all queues at a glance."""

import asyncio
from collections.abc import Callable

from headrace import App
from tests.cli.project import ON_EACH, Ended, Project

Call = Callable[..., Ended]
pytestmark = ON_EACH


def test_there_is_a_line_for_each_queue_and_one_for_all(call: Call, project: Project) -> None:
    project.add(queue="post")
    project.add(queue="post", priority=3)

    async def act(app: App) -> None:
        for name in ("Ada", "Grace", "Alan"):
            await app.queue("mail").add("greet", {"name": name})
        await app.queue("mail").add("fail", {"reason": "no"}, attempts=1)

    project.work(act)
    titles, *rows = (line.split() for line in call("stats").out.splitlines())
    assert titles == "QUEUE READY OLDEST ACTIVE PER MIN FAILED WAIT p95 RUN p95 WORKERS".split()
    assert [row[:2] for row in rows] == [["mail", "0"], ["post", "2"], ["(all)", "2"]]
    assert [row[5] for row in rows] == ["25.0%", "-", "25.0%"]
    assert [row[-1] for row in rows] == ["0", "0", "0"]
    found = call("stats", "--json").json
    assert [queue["queue"] for queue in found["queues"]] == ["mail", "post"]
    assert found["total"]["counts"]["completed"] == 3
    assert found["total"]["rates"].keys() == {"1", "5", "15"}


def test_there_may_be_no_queue(call: Call, project: Project) -> None:
    async def opened() -> None:
        async with project.bare():
            pass

    asyncio.run(opened())
    done = call("stats")
    assert (done.code, done.out, done.err) == (0, "", "headrace: there are no queues yet\n")
