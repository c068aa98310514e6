"""Count: jobs by state, without looking at them."""

from headrace.core.commands import Count, Counted
from headrace.core.jobs import STATES

from .desk import Desk, child, new, parent


async def test_every_state_of_every_queue_asked_for_is_counted(desk: Desk) -> None:
    await desk.add(new(), new(priority=1), new(delay_ms=1), parent("p"), child("p", policy="wait"), new(), new())
    await desk.add(new(queue="r"))
    await desk.finish()
    await desk.fail()
    await desk.claim_one()
    nothing = dict.fromkeys(STATES, 0)
    assert await desk.run(Count(("q", "nowhere", "r", "q"))) == Counted(
        {"q": nothing | dict.fromkeys(STATES, 1), "nowhere": nothing, "r": nothing | {"waiting": 1}}
    )


async def test_counting_no_queue_counts_nothing(desk: Desk) -> None:
    assert await desk.run(Count(())) == Counted({})
