"""The stats of all queues at once: each as if it were asked alone, and all as a count of everything says."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import headrace
from headrace import storage
from headrace.core.commands import Beat, Find, Queues, Source, Tally, WorkerRecord, Workers
from headrace.core.jobs import STATES
from headrace.core.tallies import MINUTE_MS
from headrace.stats import PERCENTS, WINDOWS, AppStats, Stats, all_measured
from tests.conformance.clock import FrozenClock
from tests.conformance.desk import Desk, done, failed, new
from tests.hall.test_stats import _assert_near

QUEUES = ("a", "b", "c")
NOTHING: dict[int, float | None] = dict.fromkeys(PERCENTS)
QUEUE = st.sampled_from(QUEUES)
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), QUEUE, st.sampled_from(({}, {"priority": 1}, {"delay_ms": 30_000}))),
        st.tuples(st.just("claim"), QUEUE, st.integers(1, 3)),
        st.tuples(st.sampled_from(("done", "failed")), QUEUE, st.integers(0, 3)),
        st.tuples(st.just("advance"), QUEUE, st.sampled_from((0, 7, 900, 61_000, 400_000))),
    ),
    min_size=10,
    max_size=60,
)
Ended = tuple[str, int, str, int, int]
"""What ended: queue, when, how, wait, run."""


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
@settings(max_examples=30, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(deeds=DEEDS)
def test_they_are_equal_to_a_count_of_everything(engine: str, deeds: list[tuple[str, str, Any]]) -> None:
    asyncio.run(_compare(engine, deeds))


async def _compare(engine: str, deeds: list[tuple[str, str, Any]]) -> None:
    clock = FrozenClock()
    store = storage.open("memory://" if engine == "memory" else "sqlite:///:memory:", clock=clock)
    await store.open()
    try:
        desk = Desk(store)
        ended = await _live(desk, clock, deeds)
        replies = await store.run(Queues(), Tally(None, WINDOWS[-1] + 1), Workers())
        found = all_measured(replies[0].queues, replies[1], replies[2].workers)
        await _assert_counted(desk, clock, found, ended)
    finally:
        await store.close()


async def _live(desk: Desk, clock: FrozenClock, deeds: list[tuple[str, str, Any]]) -> list[Ended]:
    ended: list[Ended] = []
    held: list[tuple[int, Any]] = []
    for deed, queue, how in deeds:
        if deed == "add":
            await desk.add(new(queue=queue, **how))
        elif deed == "claim":
            held += [(clock.now, lease) for lease in await desk.claim(queue, limit=how)]
        elif deed == "advance":
            clock.advance(how)
        elif held:
            began, lease = held.pop(how % len(held))
            await desk.settle(done(lease) if deed == "done" else failed(lease))
            ended.append((lease.queue, clock.now, deed, lease.waited_ms, clock.now - began))
    return ended


async def _assert_counted(desk: Desk, clock: FrozenClock, found: AppStats, ended: list[Ended]) -> None:
    living = {queue.name for queue in (await desk.run(Queues())).queues}
    assert set(found.queues) == living
    for name, stats in [*found.queues.items(), ("", found.total)]:
        assert stats.queue == name
        queues = [name] if name else sorted(living)
        counts: Counter[str] = Counter()
        for queue in queues:
            for state in STATES:
                counts[state] += len((await desk.run(Find(queue, state, 1_000))).jobs)
        assert stats.counts == {state: counts[state] for state in STATES}
        _assert_ended(clock, stats, [one for one in ended if one[0] in queues])
    oldest = [stats.oldest for stats in found.queues.values() if stats.oldest is not None]
    assert found.total.oldest == max(oldest, default=None)


def _assert_ended(clock: FrozenClock, stats: Stats, ended: list[Ended]) -> None:
    begun = clock.now // MINUTE_MS * MINUTE_MS
    for minutes in WINDOWS:
        count = sum(at >= begun - minutes * MINUTE_MS for _, at, *_ in ended)
        assert stats.rates[minutes] == pytest.approx(count * 1000 / (clock.now - begun + minutes * MINUTE_MS))
    recent = [one for one in ended if one[1] >= begun - WINDOWS[-1] * MINUTE_MS]
    outcomes = Counter(how for _, _, how, *_ in recent)
    assert stats.failed_share == (outcomes["failed"] / len(recent) if recent else None)
    for spans, told in (([one[3] for one in recent], stats.wait), ([one[4] for one in recent], stats.run)):
        for percent in PERCENTS:
            _assert_near(sorted(spans), percent, told[percent])


async def test_an_app_without_queues_has_nothing(app: headrace.App) -> None:
    found = await app.stats()
    assert found.queues == {}
    assert found.total.counts == dict.fromkeys(STATES, 0)
    assert (found.total.oldest, found.total.failed_share, found.total.is_paused) == (None, None, False)
    assert found.total.wait == found.total.run == NOTHING


async def test_each_queue_is_as_if_it_were_asked_alone(app: headrace.App) -> None:
    @app.task(queue="mail")
    async def greet() -> None: ...

    await greet.enqueue()
    await app.worker().run_until_idle()
    await app.queue("post").add("later", delay=60)
    await app.queue("post").pause()
    for name, queue in (("one", "mail"), ("two", "post"), ("three", "elsewhere")):
        await app.storage.run(Beat(WorkerRecord(name, "host", 1, (Source(queue),), 10), 60_000))
    found = await app.stats()
    assert list(found.queues) == ["mail", "post"]
    for name, stats in found.queues.items():
        alone = await app.queue(name).stats()
        assert (stats.counts, stats.is_paused, stats.run, stats.failed_share) == (
            alone.counts,
            alone.is_paused,
            alone.run,
            alone.failed_share,
        )
        assert [worker.id for worker in stats.workers] == [worker.id for worker in alone.workers]
    assert [worker.id for worker in found.total.workers] == ["one", "three", "two"]
    assert (found.total.counts["completed"], found.total.counts["delayed"], found.total.is_paused) == (1, 1, False)
    await app.queue("mail").pause()
    assert (await app.stats()).total.is_paused


async def test_it_is_one_round_trip_however_many_queues_there_are(
    app: headrace.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        await app.queue(f"q{number}").add("noop")
    store = await app._client.open()
    calls: list[int] = []
    inner = store.run

    async def run(*commands: Any) -> Any:
        calls.append(len(commands))
        return await inner(*commands)

    monkeypatch.setattr(store, "run", run)
    assert len((await app.stats()).queues) == 20
    assert calls == [3]


def test_there_is_a_blocking_form() -> None:
    with headrace.App("memory://") as app:
        app.queue("mail").add.sync("greet")
        assert app.stats.sync().total.counts["waiting"] == 1
