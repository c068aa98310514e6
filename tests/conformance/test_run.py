"""Run, open and close: what holds for every command."""

import pytest

from headrace.core.commands import Add, Claim, Count, Get, Settle, Source
from headrace.core.errors import Refused, Unavailable
from headrace.storage.protocol import Storage

from .desk import Desk, child, done, ids, new, ref


async def test_one_command_has_one_reply_and_several_have_a_tuple(store: Storage) -> None:
    assert ids((await store.run(Add((new(),)))).jobs) == ["1"]  # type: ignore[union-attr]
    first, second = await store.run(Add((new(),)), Add((new(),)))
    assert ids([*first.jobs, *second.jobs]) == ["2", "3"]  # type: ignore[union-attr]


async def test_commands_are_applied_in_order(store: Storage) -> None:
    added, claimed = await store.run(Add((new(), new())), Claim((Source("q"),), 5, "t", 1_000))
    assert not isinstance(added, Refused)
    assert not isinstance(claimed, Refused)
    _, counted = await store.run(Settle(tuple(map(done, claimed.leases))), Count(("q",)))
    assert not isinstance(counted, Refused)
    assert counted.queues["q"]["completed"] == len(claimed.leases) == 2


async def test_a_refusal_is_a_reply_and_undoes_its_own_command_only(store: Storage, desk: Desk) -> None:
    commands = (Add((new(),)), Add((new(), child("nobody"))), Add((new(),)))
    replies = await store.run(*commands)
    assert [isinstance(reply, Refused) for reply in replies] == [False, True, False]
    assert await desk.ids("waiting") == ["1", "2"]


async def test_many_commands_fit_in_one_call(store: Storage, desk: Desk) -> None:
    replies = await store.run(*(Add((new(),)) for _ in range(300)))
    assert [reply.jobs[0].id for reply in replies] == [str(number) for number in range(1, 301)]  # type: ignore[union-attr]
    assert await desk.counts() == {"waiting": 300}


async def test_reads_between_writes_see_what_was_written(store: Storage) -> None:
    _, before, _, after = await store.run(Add((new(),)), Count(("q",)), Add((new(),)), Get((ref("2"),)))  # type: ignore[call-overload]
    assert before.queues["q"]["waiting"] == 1
    assert after.jobs[0] is not None


async def test_closing_twice_is_allowed(store: Storage) -> None:
    await store.close()
    await store.close()
    await store.open()


async def test_a_closed_store_is_unavailable(store: Storage) -> None:
    await store.close()
    with pytest.raises(Unavailable):
        await store.run(Count(("q",)))
    await store.open()


async def test_what_was_acknowledged_is_there_after_closing_and_opening(store: Storage, desk: Desk) -> None:
    await desk.add(new(), new(queue="r", delay_ms=5))
    await store.close()
    await store.open()
    assert await desk.counts() == {"waiting": 1}
    assert await desk.counts("r") == {"delayed": 1}
    assert ids(await desk.add(new())) == ["2"]
