"""What one step of a sweep costs SQLite, in instructions of its machine: it does not grow with the queue."""

from collections.abc import Iterator
from typing import Any

import apsw
import pytest

from headrace.core.commands import Add, Annotate, Claim, Command, Find, Move, Queues, Remove, Source, Tally
from headrace.core.jobs import JobRef, NewJob, State
from headrace.core.query import parse
from headrace.storage.sql.connect import connect, migrate
from headrace.storage.sql.lite import Ledger, apply

SMALL, LARGE = 5_000, 20_000  # even a quarter of the small one is more than a step looks at
GRAIN = 100  # instructions counted at once
SOME = tuple(JobRef("q", str(number)) for number in range(1, 101))


@pytest.fixture(scope="module")
def queues() -> Iterator[dict[int, apsw.Connection]]:
    """A small and a large queue; a half of the jobs waits, a quarter has a priority, a quarter is delayed."""
    made = {size: connect(":memory:") for size in (SMALL, LARGE)}
    for size, db in made.items():
        migrate(db, ":memory:")
        jobs = [NewJob("q", "x", priority=n % 4 == 2, delay_ms=60_000 * (n % 4 == 3)) for n in range(size)]
        for start in range(0, size, 10_000):
            run(db, Add(tuple(jobs[start : start + 10_000])))
        run(db, Claim((Source("q"),), 20, "t", 60_000))
    yield made
    for db in made.values():
        db.close()


def run(db: apsw.Connection, command: Command[Any]) -> Any:
    ledger = Ledger(db, 1_000)
    reply = apply(ledger, command)
    ledger.flush()
    return reply


def cost(db: apsw.Connection, command: Command[Any]) -> int:
    """The instructions that a command takes; what it did is undone."""
    count = 0

    def tick() -> bool:
        nonlocal count
        count += 1
        return False

    db.execute("begin")
    db.set_progress_handler(tick, GRAIN)
    try:
        run(db, command)
    finally:
        db.set_progress_handler(None)
        db.execute("rollback")
    return count


STEPS: list[Command[Any]] = [
    *(
        Find("q", state, 100, where=where, is_steady=is_steady)
        for state in ("waiting", "prioritized", "delayed", "active", "completed")
        for where in (None, parse("name:nothing data.a:1"))
        for is_steady in (False, True)
    ),
    Move(SOME, "cancel", where=parse("waiting,prioritized,delayed")),
    Move(SOME, "prioritise", priority=5, where=parse("name:x")),
    Move(SOME, "delay", delay_ms=5, where=parse("name:x")),
    Move(SOME, "move", to="r", where=parse("name:x")),
    Remove(SOME, where=parse("name:x")),
    Annotate(SOME[0], patch='{"a":1}', notes='{"b":1}', where=parse("name:x -data.a:1")),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{type(step).__name__} {step}"[:90])
def test_a_step_costs_the_same_in_a_large_queue(queues: dict[int, apsw.Connection], step: Command[Any]) -> None:
    small, large = (cost(queues[size], step) for size in (SMALL, LARGE))
    assert large <= small * 1.5 + 20


@pytest.mark.parametrize("state", ["waiting", "prioritized", "delayed"])
def test_the_last_page_costs_no_more_than_the_first(queues: dict[int, apsw.Connection], state: State) -> None:
    db = queues[LARGE]
    page = run(db, Find("q", state, 1_000))
    first = cost(db, Find("q", state, 1_000))
    while page.cursor is not None:
        last = Find("q", state, 1_000, page.cursor)
        page = run(db, last)
    assert cost(db, last) <= first * 1.5 + 20


@pytest.mark.parametrize("read", [Queues(("q",)), Tally("q", 16)], ids=["Queues", "Tally"])
def test_the_stats_of_a_queue_look_at_no_more_when_it_is_larger(
    queues: dict[int, apsw.Connection], read: Command[Any]
) -> None:
    small, large = (cost(queues[size], read) for size in (SMALL, LARGE))
    assert large <= small + 1 < 20
