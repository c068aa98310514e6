"""What `why` asks of the store is bounded, and does not grow with what is there."""

from typing import Any

import pytest

from headrace.core.commands import Command, Configure, Find, Read, Schedules, Tree
from headrace.core.jobs import JobRef
from headrace.core.limits import Capacity
from headrace.errors import NoSuchJob
from headrace.storage.protocol import Wrapper
from headrace.why import why
from tests.hall.why.conftest import Mill

COUNT = 150


class Counted(Wrapper):
    """Notes each call of the store, and the commands in it."""

    def __init__(self, mill: Mill) -> None:
        super().__init__(mill.app.storage)
        self.calls: list[tuple[Command[Any], ...]] = []

    async def run(self, *commands: Command[Any]) -> Any:
        self.calls.append(commands)
        return await self.inner.run(*commands)


async def asked(mill: Mill, job: JobRef) -> list[str]:
    """The commands that were run; each has a limit if it lists something."""
    store = Counted(mill)
    try:
        await why(store, job, "memory://")
    except NoSuchJob:
        pass
    assert len(store.calls) <= 3
    commands = [command for call in store.calls for command in call]
    assert all(one.limit <= 1_000 for one in commands if isinstance(one, Find | Tree | Read | Schedules))
    return [type(command).__name__ for command in commands]


FIRST = ["Get", "Queues", "Workers", "Schedules"]


async def test_a_job_that_waits_costs_a_page_of_those_before_it(mill: Mill) -> None:
    queue = mill.app.queue("q")
    jobs = await mill.app.enqueue_many(queue.call("x") for _ in range(COUNT))
    assert await asked(mill, jobs[-1].ref) == [*FIRST, "Find"]


async def test_a_job_with_a_limited_key_costs_a_page_of_what_runs(mill: Mill) -> None:
    await mill.run(Configure("q", per_key={"tenant": Capacity(running=1)}))
    assert await asked(mill, (await mill.add(data={"tenant": "a"})).ref) == [*FIRST, "Find", "Find"]
    assert await asked(mill, (await mill.add()).ref) == [*FIRST, "Find"]


@pytest.mark.parametrize("children", [1, COUNT])
async def test_a_parent_costs_the_same_with_any_number_of_children(mill: Mill, children: int) -> None:
    queue = mill.app.queue("q")
    job = await mill.app.enqueue(queue.call("root").after(*(queue.call("leaf") for _ in range(children))))
    assert await asked(mill, job.ref) == [*FIRST, "Tree", "Queues"]


async def test_other_states_cost_one_call(mill: Mill) -> None:
    job = await mill.add(delay=60)
    assert await asked(mill, job.ref) == FIRST
    await job.promote()
    await mill.claim()
    assert await asked(mill, job.ref) == FIRST


async def test_a_job_that_is_gone_costs_a_page_of_events(mill: Mill) -> None:
    for _ in range(COUNT):
        await mill.add()
    assert await asked(mill, JobRef("q", "none")) == [*FIRST, "Queues", "Read", "Read"]
