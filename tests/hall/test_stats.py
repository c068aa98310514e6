"""The stats of a queue: what they say is what counting everything says."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import headrace
from headrace import storage
from headrace.core.commands import Beat, Find, Queues, Read, Source, Tally, WorkerRecord, Workers
from headrace.core.jobs import STATES
from headrace.core.tallies import MINUTE_MS, bucket
from headrace.core.topics import job_events
from headrace.stats import PERCENTS, WINDOWS, Stats, measured
from tests.conformance.clock import FrozenClock
from tests.conformance.desk import Desk, done, failed, later, new

KINDS: tuple[dict[str, Any], ...] = ({}, {"priority": 1}, {"priority": 9}, {"delay_ms": 30_000}, {"lifo": True})
DEEDS = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"),
            st.sampled_from(({}, {"priority": 1}, {"priority": 9}, {"delay_ms": 30_000}, {"lifo": True})),
        ),
        st.tuples(st.just("claim"), st.integers(1, 3)),
        st.tuples(st.sampled_from(("done", "failed", "later")), st.integers(0, 3)),
        st.tuples(st.just("advance"), st.sampled_from((0, 7, 900, 20_000, 61_000, 400_000))),
    ),
    min_size=10,
    max_size=60,
)


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
@settings(max_examples=30, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(deeds=DEEDS)
def test_they_are_equal_to_a_count_of_everything(engine: str, deeds: list[tuple[str, Any]]) -> None:
    asyncio.run(_compare(engine, deeds))


async def _compare(engine: str, deeds: list[tuple[str, Any]]) -> None:
    clock = FrozenClock()
    store = storage.open("memory://" if engine == "memory" else "sqlite:///:memory:", clock=clock)
    await store.open()
    try:
        desk = Desk(store)
        ended = await _live(desk, clock, deeds)
        replies = await store.run(Queues(("q",)), Tally("q", WINDOWS[-1] + 1), Workers())
        stats = measured(replies[0].queues[0], replies[1], replies[2].workers)
        await _assert_counted(desk, clock, stats, ended)
    finally:
        await store.close()


async def _live(desk: Desk, clock: FrozenClock, deeds: list[tuple[str, Any]]) -> list[tuple[int, str, int, int]]:
    """Do it all; what ended, as (when, how, wait, run)."""
    await desk.add(new())
    ended: list[tuple[int, str, int, int]] = []
    held: list[tuple[int, Any]] = []
    for deed, how in deeds:
        if deed == "add":
            await desk.add(new(**how))
        elif deed == "claim":
            held += [(clock.now, lease) for lease in await desk.claim(limit=how)]
        elif deed == "advance":
            clock.advance(how)
        elif held:
            began, lease = held.pop(how % len(held))
            made = {"done": done(lease), "failed": failed(lease), "later": later(lease, 0)}[deed]
            await desk.settle(made)
            if deed != "later":
                ended.append((clock.now, deed, lease.waited_ms, clock.now - began))
    return ended


async def _assert_counted(desk: Desk, clock: FrozenClock, stats: Stats, ended: list[tuple[int, str, int, int]]) -> None:
    found = {state: (await desk.run(Find("q", state, 1_000))).jobs for state in STATES}
    assert stats.counts == {state: len(jobs) for state, jobs in found.items()}
    changes = [
        (entry.at, entry.key, entry.body) for entry in (await desk.run(Read(job_events("q"), limit=1_000))).entries
    ]
    ready = {job.id for state in STATES[:2] for job in found[state]}
    since = {key: at for at, key, _ in changes if key in ready}  # the last event of a ready job made it so
    assert stats.oldest == (None if not since else (clock.now - min(since.values())) / 1000)
    begun = clock.now // MINUTE_MS * MINUTE_MS
    for minutes in WINDOWS:
        count = sum(at >= begun - minutes * MINUTE_MS for at, *_ in ended)
        assert stats.rates[minutes] == pytest.approx(count * 1000 / (clock.now - begun + minutes * MINUTE_MS))
    recent = [one for one in ended if one[0] >= begun - WINDOWS[-1] * MINUTE_MS]
    outcomes = Counter(how for _, how, *_ in recent)
    assert stats.failed_share == (outcomes["failed"] / len(recent) if recent else None)
    for spans, told in (([one[2] for one in recent], stats.wait), ([one[3] for one in recent], stats.run)):
        for percent in PERCENTS:
            _assert_near(sorted(spans), percent, told[percent])


def _assert_near(spans: list[int], percent: int, told: float | None) -> None:
    """The bucket of what was told is that of the span that so many did not exceed."""
    if not spans:
        assert told is None
        return
    rank = -(-percent * len(spans) // 100)
    assert told is not None
    number = bucket(spans[rank - 1])
    low = 1 << number >> 1
    assert low <= round(told * 1000, 6) <= max(2 * low - 1, 0)


async def test_a_queue_that_does_not_exist_is_empty(app: headrace.App) -> None:
    stats = await app.queue("nowhere").stats()
    assert stats.counts == dict.fromkeys(STATES, 0)
    assert (stats.oldest, stats.failed_share, stats.workers, stats.is_paused) == (None, None, (), False)
    assert stats.rates == {1: 0.0, 5: 0.0, 15: 0.0}
    assert stats.wait == stats.run == {50: None, 95: None, 99: None}


async def test_workers_are_those_that_serve_the_queue(app: headrace.App) -> None:
    for name, queue in (("one", "q"), ("two", "r")):
        await app.storage.run(Beat(WorkerRecord(name, "host", 1, (Source(queue),), 10), 60_000))
    await app.queue("q").pause()
    stats = await app.queue("q").stats()
    assert ([worker.id for worker in stats.workers], stats.is_paused) == (["one"], True)


async def test_one_call_is_one_round_trip(app: headrace.App, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await app._client.open()
    calls: list[int] = []
    inner = store.run

    async def run(*commands: Any) -> Any:
        calls.append(len(commands))
        return await inner(*commands)

    monkeypatch.setattr(store, "run", run)
    await app.queue("q").stats()
    assert calls == [3]
