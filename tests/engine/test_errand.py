"""What a worker answers to its child process."""

import msgspec
import pytest

from headrace.core import wire
from headrace.core.commands import Count
from headrace.core.errors import Unavailable
from headrace.core.jobs import DEFAULTS, Lease
from headrace.engine.errand import RunErrand
from headrace.engine.home import Home
from headrace.engine.run import Run
from headrace.executors.limits import Limits
from headrace.executors.messages import Ask
from headrace.testing import Faults, FaultyStore
from tests.engine.workshop import memory

LEASE = Lease("q", "1", "token", "task", "{}", DEFAULTS, 0, 0, 0, 1, 0)


async def test_a_store_that_is_away_is_told_to_the_child_as_the_worker_heard_it() -> None:
    faults = Faults()
    faults.be_away(times=None)
    store = FaultyStore(await memory(), faults)
    with pytest.raises(Unavailable) as heard:
        await store.run(Count(("q",)))
    errand = RunErrand(Run(LEASE, store, Home()), Limits())
    answer = await errand.answer(Ask(7, msgspec.Raw(wire.write_commands((Count(("q",)),)))))
    assert (answer.number, Unavailable(problem=answer.problem)) == (7, heard.value)
