"""What is asked of a Redis store at the same time goes to one script, and stands or falls for itself."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from headrace.core import lifecycle
from headrace.core.commands import Add, Added, Claim, Configure, Count, Get, Settle, Source
from headrace.core.errors import NoSuchParent, QueueFull, Unavailable
from headrace.core.outcomes import Done, PutBack
from headrace.storage.protocol import granted
from headrace.storage.redis.crowd import BYTES_MAX, TOGETHER_MAX, Crowd, Errand
from headrace.storage.redis.link import Told
from tests.conformance.desk import Desk, child, ids, new, ref


def scripts_called(keys: Any) -> int:
    return int(keys.info("commandstats").get("cmdstat_fcall", {}).get("calls", 0))


async def test_adds_of_one_turn_are_few_calls(desk: Desk, keys: Any) -> None:
    before = scripts_called(keys)
    added = await asyncio.gather(*(desk.add(new()) for _ in range(TOGETHER_MAX + 1)))
    assert scripts_called(keys) - before == 2
    assert [job.id for (job,) in added] == [str(number) for number in range(1, TOGETHER_MAX + 2)]


async def test_an_add_is_refused_alone(desk: Desk) -> None:
    granted(await desk.store.run(Configure("q", max_waiting=2)))
    good, orphan, last, full = await asyncio.gather(
        desk.store.run(Add((new(),))),
        desk.store.run(Add((child("nobody"),))),
        desk.store.run(Add((new(),))),
        desk.store.run(Add((new(),))),
    )
    assert (ids(granted(good).jobs), ids(granted(last).jobs)) == (["1"], ["2"])
    assert isinstance(orphan, NoSuchParent)
    assert isinstance(full, QueueFull)


async def test_an_answer_is_that_of_the_request(desk: Desk) -> None:
    first = await desk.store.run(Add((new(),), "one"))
    again, other = await asyncio.gather(desk.store.run(Add((new(),), "one")), desk.store.run(Add((new(),), "two")))
    assert (first, isinstance(other, Added)) == (again, True)
    assert first != other


async def test_a_large_add_goes_alone(desk: Desk, keys: Any) -> None:
    before = scripts_called(keys)
    await asyncio.gather(desk.add(new(data=f'{{"text":"{"x" * BYTES_MAX}"}}')), desk.add(new()), desk.add(new()))
    assert scripts_called(keys) - before == 2


async def test_all_is_done_in_the_order_in_which_it_was_asked(desk: Desk) -> None:
    large = new(data=f'{{"text":"{"x" * BYTES_MAX}"}}')
    claim = Claim((Source("q"),), 10, "t", 30_000, "w")
    early, first, second, seen, claimed, third = await asyncio.gather(
        desk.store.run(claim),
        desk.add(new()),
        desk.add(large),
        desk.store.run(Count(("q",)), Get((ref("2"),))),
        desk.store.run(claim),
        desk.add(new()),
    )
    counted, got = seen
    assert granted(early).leases == ()
    assert [ids(jobs) for jobs in (first, second, third)] == [["1"], ["2"], ["3"]]
    assert (granted(counted).queues["q"]["waiting"], granted(got).jobs[0].id) == (2, "2")
    assert ids(granted(claimed).leases) == ["1", "2"]


async def test_a_settle_makes_room_for_the_claim_that_comes_with_it(desk: Desk, keys: Any) -> None:
    granted(await desk.store.run(Configure("q", concurrency=1)))
    await desk.add(new(), new())
    (lease,) = await desk.claim(limit=1)
    before = scripts_called(keys)
    settled, claimed = await desk.store.run(
        Settle((lifecycle.settle(lease, Done(), 0.0),)), Claim((Source("q"),), 1, "next", 30_000, "w")
    )
    assert scripts_called(keys) - before == 1
    assert granted(settled).refusals == (None,)
    assert ids(granted(claimed).leases) == ["2"]
    record = await desk.record(ref("1"))
    assert record.state == "completed"


async def test_who_was_woken_wakes_the_next_and_who_goes_on_only_for_what_is_new(
    desk: Desk, keys: Any, prefix: str
) -> None:
    marker = f"{prefix}:q:marker"
    await desk.add(*[new()] * 4)
    keys.delete(marker)  # as who waits takes it away
    (lease,) = await desk.claim(limit=1)
    assert keys.delete(marker) == 1
    done = Settle((lifecycle.settle(lease, Done(), 0.0),))
    _, claimed = await desk.store.run(done, Claim((Source("q"),), 1, "next", 30_000, "w"))
    (lease,) = granted(claimed).leases
    assert keys.exists(marker) == 0
    back = Settle((lifecycle.settle(lease, PutBack(), 0.0),))
    await desk.store.run(back, Claim((Source("q"),), 1, "last", 30_000, "w"))
    assert keys.exists(marker) == 1


async def test_a_queue_is_met_beside_a_settle_that_is_refused(desk: Desk, keys: Any, prefix: str) -> None:
    await desk.add(new())
    (lease,) = await desk.claim(limit=1)
    keys.zrem(f"{prefix}~::queues", "q")  # as if it had been forgotten, and made anew by Node
    keys.delete(f"{prefix}:q:1")
    keys.delete(f"{prefix}:q:1:lock")
    keys.hset(f"{prefix}:q:2", mapping={"name": "task", "data": "{}", "opts": "{}", "timestamp": 1, "priority": 0})
    keys.lpush(f"{prefix}:q:wait", "2")
    settled, claimed = await desk.store.run(
        Settle((lifecycle.settle(lease, Done(), 0.0),)), Claim((Source("q"),), 1, "next", 30_000, "w")
    )
    assert granted(settled).refusals != (None,)
    assert ids(granted(claimed).leases) == ["2"]
    assert keys.zscore(f"{prefix}~::queues", "q") is not None


async def test_who_is_cancelled_takes_nobody_along(desk: Desk) -> None:
    calls = [asyncio.ensure_future(desk.add(new())) for _ in range(3)]
    await asyncio.sleep(0)
    calls[1].cancel()
    await asyncio.wait(calls)
    assert [call.cancelled() for call in calls] == [False, True, False]
    assert (ids(calls[0].result()), ids(calls[2].result())) == (["1"], ["3"])


async def test_a_word_that_cannot_be_sent_fails_alone(desk: Desk) -> None:
    bad = [Claim((Source("q"),), 1, "\ud800", 30_000, "w"), Add((new(),), "\ud800")]
    async with asyncio.timeout(5):
        *errors, jobs = await asyncio.gather(*map(desk.store.run, bad), desk.add(new()), return_exceptions=True)
    assert [type(error) for error in errors] == [UnicodeEncodeError] * 2
    assert ids(jobs) == ["1"]


async def test_plain_jobs_of_several_queues_have_the_numbers_of_their_order(desk: Desk) -> None:
    queues = ["q", "q", "other", "other", "q", "other"]
    added = await asyncio.gather(*(desk.add(new(queue=queue)) for queue in queues))
    assert [(job.queue, job.id) for (job,) in added] == [
        ("q", "1"), ("q", "2"), ("other", "1"), ("other", "2"), ("q", "3"), ("other", "3"),
    ]  # fmt: skip
    claimed = granted(await desk.store.run(Claim((Source("q"), Source("other")), 9, "t", 30_000, "w")))
    assert ids(claimed.leases) == ["1", "2", "3", "1", "2", "3"]


async def test_plain_jobs_beside_others_keep_their_places(desk: Desk) -> None:
    adds = [new(), new(id="own"), new(), new(priority=3), new(id="own"), new()]
    replies = await asyncio.gather(*(desk.store.run(Add((job,), f"r{n}")) for n, job in enumerate(adds)))
    assert [ids(reply.jobs) for reply in replies] == [["1"], ["own"], ["3"], ["4"], ["own"], ["5"]]
    assert [reply.existing for reply in replies] == [(), (), (), (), (0,), ()]
    again = await asyncio.gather(*(desk.store.run(Add((job,), f"r{n}")) for n, job in enumerate(adds)))
    assert again == replies
    claimed = granted(await desk.store.run(Claim((Source("q"),), 9, "t", 30_000, "w")))
    assert ids(claimed.leases) == ["1", "own", "3", "5", "4"]


async def test_a_request_that_is_made_twice_at_once_adds_once(desk: Desk) -> None:
    asked = ["one", "two", "one", "three", "two"]
    replies = await asyncio.gather(*(desk.store.run(Add((new(), new()), request)) for request in asked))
    assert [ids(reply.jobs) for reply in replies] == [["1", "2"], ["3", "4"], ["1", "2"], ["5", "6"], ["3", "4"]]
    counted = await desk.store.run(Count(("q",)))
    assert granted(counted).queues["q"]["waiting"] == 6


class Sent:
    """Where a crowd sends what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Sequence[Errand], Told]] = []
        self.crowd = Crowd(lambda errands, told: self.calls.append((errands, told)))


async def test_what_is_complete_leaves_before_the_turn_ends() -> None:
    sent = Sent()
    for _ in range(TOGETHER_MAX):
        sent.crowd.ask((("add", ("",)),))
    assert [len(errands) for errands, _ in sent.calls] == [1]
    sent.crowd.ask((("add", ("",)),))
    assert (len(sent.calls), sent.crowd.is_gathering) == (1, True)
    await asyncio.sleep(0)
    assert (len(sent.calls), sent.crowd.is_gathering) == (2, False)


async def test_what_is_no_add_leaves_at_once_behind_the_adds_before_it() -> None:
    sent = Sent()
    sent.crowd.ask((("add", ("one",)),))
    sent.crowd.ask((("turn", ("two",)),))
    sent.crowd.ask((("claim", ("three",)),))
    assert [list(errands) for errands, _ in sent.calls] == [
        [("add", ("one",))], [("turn", ("two",))], [("claim", ("three",))],
    ]  # fmt: skip
    await asyncio.sleep(0)
    assert len(sent.calls) == 3


async def test_an_answer_of_another_size_is_none_for_all_who_asked() -> None:
    sent = Sent()
    answers = [sent.crowd.ask((("add", ("",)),)) for _ in range(2)]
    await asyncio.sleep(0)
    ((_, told),) = sent.calls
    told([["only one"]])
    for answer in answers:
        with pytest.raises(Unavailable):
            await answer
