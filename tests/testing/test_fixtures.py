"""The fixtures as a project uses them."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

import headrace
from headrace.core.commands import Add, Claim, Settle
from headrace.errors import InvalidData, JobFailed, Misuse, QueueFull, Unavailable
from headrace.testing import Bench, Enqueued, Faults, FrozenClock
from headrace.testing.bench import RunUntilIdle


async def test_delayed_jobs_run_when_their_time_has_come(
    headrace_app: headrace.App, headrace_clock: FrozenClock, run_until_idle: RunUntilIdle
) -> None:
    @headrace_app.task
    async def greet(name: str) -> str:
        return f"hello {name}"

    job = await headrace_app.enqueue(greet.call("ada").options(delay=timedelta(hours=1)))
    assert await run_until_idle() == 0
    headrace_clock.tick(3599.999)
    assert await run_until_idle() == 0
    headrace_clock.tick(timedelta(milliseconds=1))
    assert await run_until_idle() == 1
    assert await job.result() == "hello ada"


async def test_a_retry_waits_for_its_tick(
    headrace_app: headrace.App, headrace_clock: FrozenClock, run_until_idle: RunUntilIdle
) -> None:
    @headrace_app.task(attempts=2, backoff=headrace.Fixed(60))
    def fail() -> None:
        raise ValueError("no")

    job = await fail.enqueue()
    assert await run_until_idle() == 1
    headrace_clock.tick(60)
    assert await run_until_idle() == 1
    with pytest.raises(JobFailed, match="no"):
        await job.result()


def test_everything_works_without_a_loop(headrace_app: headrace.App, run_until_idle: RunUntilIdle) -> None:
    @headrace_app.task
    def double(number: int) -> int:
        return 2 * number

    job = double.enqueue.sync(21)
    assert run_until_idle.sync() == 1
    assert job.result.sync() == 42


async def test_async_handlers_run_on_the_loop_of_the_test(
    headrace_app: headrace.App, run_until_idle: RunUntilIdle
) -> None:
    loops = [asyncio.get_running_loop()]

    @headrace_app.task
    async def look() -> None:
        loops.append(asyncio.get_running_loop())

    await asyncio.to_thread(look.enqueue.sync)  # a blocking call came first, so the app lived elsewhere
    await run_until_idle()
    assert loops[0] is loops[1]


async def test_what_was_enqueued_can_be_asserted(headrace_app: headrace.App, assert_enqueued: Enqueued) -> None:
    @headrace_app.task(queue="mail")
    async def send(to: str, count: int = 1) -> None: ...

    first = await send.enqueue("ada")
    second = await send.enqueue("bob", count=2)
    await headrace_app.queue("dns").add("create", {"name": "www"})
    assert assert_enqueued(send) == [first.ref, second.ref]
    assert assert_enqueued(send, "ada", count=1) == [first.ref]
    assert assert_enqueued(send.call("bob", count=2)) == [second.ref]
    assert_enqueued("create", name="www", queue="dns")
    assert_enqueued(send, "eve", count=0)
    with pytest.raises(AssertionError) as caught:
        assert_enqueued(send, to="eve")
    assert str(caught.value) == (
        'of mail/send {"to":"eve"}, at least 1 should have been enqueued, and 0 were; what was enqueued:\n'
        '  mail/1 send {"to":"ada"}\n  mail/2 send {"to":"bob","count":2}\n  dns/1 create {"name":"www"}'
    )
    with pytest.raises(AssertionError, match="1 should have been enqueued, and 2 were"):
        assert_enqueued(send, count=1)
    with pytest.raises(AssertionError):
        assert_enqueued(send, queue="other")
    with pytest.raises(InvalidData):
        assert_enqueued(send, 7)
    with pytest.raises(Misuse, match="by their names"):
        assert_enqueued("create", "www")


async def test_nothing_enqueued_is_said_to_be_nothing(headrace_app: headrace.App, assert_enqueued: Enqueued) -> None:
    with pytest.raises(AssertionError, match="nothing was enqueued at all"):
        assert_enqueued("create")


async def test_members_of_flows_and_jobs_of_handlers_count_and_duplicates_do_not(
    headrace_app: headrace.App, run_until_idle: RunUntilIdle, assert_enqueued: Enqueued
) -> None:
    @headrace_app.task
    async def leaf() -> None: ...

    @headrace_app.task
    async def root() -> None:
        await leaf.enqueue()

    await headrace_app.enqueue(root.call().after(leaf.call()))
    await run_until_idle()
    assert_enqueued(leaf, count=2)
    for _ in range(2):
        await headrace_app.enqueue(root.call().options(job_id="one"))
    assert_enqueued(root, count=2)


async def test_a_refusal_reaches_the_caller_and_nothing_is_done(
    headrace_app: headrace.App, headrace_faults: Faults, assert_enqueued: Enqueued
) -> None:
    queue = headrace_app.queue("q")
    headrace_faults.refuse(Add, refusal=QueueFull(queue="q"))
    with pytest.raises(QueueFull):
        await queue.add("a")
    assert sum((await queue.counts()).values()) == 0
    await queue.add("a")
    assert_enqueued("a", count=1)
    assert headrace_faults.bites == 1


async def test_a_lost_reply_was_done_and_a_store_that_is_away_does_nothing(
    headrace_app: headrace.App, headrace_faults: Faults
) -> None:
    queue = headrace_app.queue("q")
    headrace_faults.lose(Add)
    headrace_faults.be_away(Add, times=2)
    for expected in (1, 1, 1, 2):
        if headrace_faults.bites < 3:
            with pytest.raises(Unavailable):
                await queue.add("a")
        else:
            await queue.add("a")
        assert (await queue.counts())["waiting"] == expected


async def test_jobs_run_once_although_replies_get_lost(
    headrace_app: headrace.App, headrace_faults: Faults, run_until_idle: RunUntilIdle
) -> None:
    runs = 0

    @headrace_app.task
    async def count() -> None:
        nonlocal runs
        runs += 1

    job = await count.enqueue()
    headrace_faults.lose(Settle)
    headrace_faults.be_away(Claim)
    await run_until_idle()
    assert await job.result() is None  # type: ignore[func-returns-value]
    assert (runs, headrace_faults.bites) == (1, 2)


def test_chance_is_thrown_from_the_seed() -> None:
    def thrown(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.be_away(chance=0.5, times=None)
        return [faults.at(Add(())) is not None for _ in range(50)]

    assert thrown(1) == thrown(1) != thrown(2)
    assert 10 < sum(thrown(1)) < 40


def test_wrong_plans_are_refused() -> None:
    faults = Faults()
    with pytest.raises(Misuse, match="times"):
        faults.lose(times=0)
    with pytest.raises(Misuse, match="chance"):
        faults.lose(chance=0.0)
    with pytest.raises(Misuse, match="name the commands"):
        faults.refuse(refusal=QueueFull(queue="q"))


async def test_an_app_in_use_gets_no_other_store() -> None:
    app = headrace.App("memory://")
    async with app:
        with pytest.raises(Misuse, match="in use"), Bench(app):
            pass


def test_a_bench_is_fresh_each_time_it_is_entered() -> None:
    app = headrace.App("memory://")
    bench = Bench(app)
    for _ in range(2):
        with bench:
            assert app.queues.sync() == []
            app.queue("q").add.sync("b")
            bench.enqueued("b", count=1)


async def test_the_app_has_its_own_store_again_when_the_bench_is_left() -> None:
    app = headrace.App("memory://")
    await app.queue("own").add("a")
    await app.close()
    async with Bench(app):
        await app.queue("q").add("b")
        assert [queue.name for queue in await app.queues()] == ["q"]
    assert [queue.name for queue in await app.queues()] == ["own"]
    await app.close()


async def test_a_bench_below_a_prefix_leaves_the_rest_of_the_server_alone(
    valkey_url: str, prefix_on: Callable[[str], str]
) -> None:
    mine, other = prefix_on(valkey_url), prefix_on(valkey_url)
    async with headrace.App(valkey_url, prefix=other) as theirs:
        await theirs.queue("q").add("a")
        app = headrace.App("memory://")
        async with Bench(app, valkey_url, prefix=mine) as bench:
            await app.queue("q").add("b")
            bench.enqueued("b", count=1)
            with pytest.raises(Misuse, match="has jobs"), Bench(headrace.App("memory://"), valkey_url, prefix=mine):
                pass
        async with Bench(app, valkey_url, prefix=mine):  # it was emptied
            assert (await app.queue("q").counts())["waiting"] == 0
        assert (await theirs.queue("q").counts())["waiting"] == 1


async def test_a_bench_takes_no_prefix_where_stores_have_none() -> None:
    with pytest.raises(headrace.errors.BadUrl, match="prefix"), Bench(headrace.App("memory://"), prefix="p"):
        pass
