"""Pages of the waiting jobs, which on Redis are a list: jobs that stay are seen once, whatever the others do."""

import random
from typing import Any

import pytest

from headrace.core.commands import Find, Found
from tests.conformance.desk import Desk, ids, new

JOBS = 60


class Line:
    """The list as BullMQ has it, changed at both ends and anywhere as claims, adds and removals do."""

    def __init__(self, keys: Any, prefix: str, draw: random.Random) -> None:
        self.keys, self.name, self.draw = keys, f"{prefix}:q:wait", draw
        self.moved: set[str] = set()

    def stir(self) -> None:
        for _ in range(self.draw.randint(0, 3)):
            match self.draw.choice(["claim", "claim", "put back", "remove", "to the back"]):
                case "claim":
                    self.moved.update(self.keys.rpop(self.name, 1) or ())
                case "put back":
                    self.move(self.keys.rpush)
                case "to the back":
                    self.move(self.keys.lpush)
                case _:
                    self.take()

    def take(self) -> str:
        job = self.draw.choice(self.keys.lrange(self.name, 0, -1) or ["none"])
        self.keys.lrem(self.name, 1, job)
        self.moved.add(job)
        return str(job)

    def move(self, push: Any) -> None:
        push(self.name, self.take())


@pytest.mark.parametrize("seed", range(20))
async def test_jobs_that_stay_are_seen_once(desk: Desk, keys: Any, prefix: str, seed: int) -> None:
    draw = random.Random(seed)
    await desk.add(*(new() for _ in range(JOBS)))
    line, seen, cursor = Line(keys, prefix, draw), list[str](), None
    for _ in range(JOBS):
        page: Found = await desk.run(Find("q", "waiting", draw.randint(3, 8), cursor))
        seen += ids(page.jobs)
        cursor = page.cursor
        if cursor is None:
            break
        line.stir()
    stayed = [str(number + 1) for number in range(JOBS) if str(number + 1) not in line.moved]
    assert [job for job in seen if job not in line.moved] == stayed


async def test_a_page_begins_anew_when_all_that_was_seen_is_gone(desk: Desk, keys: Any, prefix: str) -> None:
    await desk.add(*(new() for _ in range(6)))
    first: Found = await desk.run(Find("q", "waiting", 2))
    keys.rpop(f"{prefix}:q:wait", 3)
    second: Found = await desk.run(Find("q", "waiting", 9, first.cursor))
    assert ids(second.jobs) == ["4", "5", "6"]
