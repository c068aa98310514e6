import asyncio
import logging

import pytest

from headrace.core.errors import Unavailable
from headrace.engine.ticker import PAUSE_MAX_S, Ticker
from tests.engine.simulation import now, simulated


class Beats:
    def __init__(self, *errors: Exception | None) -> None:
        self.times: list[float] = []
        self.errors = list(errors)

    async def __call__(self) -> None:
        self.times.append(now())
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error

    @property
    def gaps(self) -> list[float]:
        return [round(b - a, 6) for a, b in zip(self.times, self.times[1:], strict=False)]


def no_chance() -> float:
    return 0.0


@simulated
async def test_it_beats_at_once_and_then_at_every_interval() -> None:
    beats = Beats()
    ticker = Ticker("test", beats, 10.0, chance=no_chance)
    ticker.start()
    await asyncio.sleep(35)
    await ticker.stop()
    assert beats.gaps == [10.0, 10.0, 10.0]


@simulated
async def test_intervals_are_spread_by_chance() -> None:
    beats = Beats()
    ticker = Ticker("test", beats, 10.0, chance=lambda: 0.5)
    ticker.start()
    await asyncio.sleep(20)
    await ticker.stop()
    assert beats.gaps == [9.5, 9.5]


@simulated
async def test_an_error_is_survived_and_the_pause_grows_up_to_a_bound() -> None:
    beats = Beats(*[ValueError("no")] * 8)
    ticker = Ticker("test", beats, 10.0, chance=no_chance)
    ticker.start()
    await asyncio.sleep(30)
    await ticker.stop()
    assert beats.gaps[:8] == [0.1, 0.2, 0.4, 0.8, 1.5, 1.5, 1.5, 1.5]
    assert max(beats.gaps[:8]) <= PAUSE_MAX_S
    assert beats.gaps[8] == 10.0


@simulated
async def test_what_passes_is_one_line_and_what_is_our_fault_has_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    ticker = Ticker("test", Beats(Unavailable(problem="gone"), ValueError("no")), 10.0)
    with caplog.at_level(logging.INFO, "headrace"):
        ticker.start()
        await asyncio.sleep(5)
        await ticker.stop()
    away, fault, again = caplog.records
    assert (away.levelname, away.exc_info) == ("WARNING", None)
    assert fault.levelname == "ERROR"
    assert fault.exc_info is not None
    assert "works again" in again.message


@simulated
async def test_a_poke_makes_it_beat_now() -> None:
    beats = Beats()
    ticker = Ticker("test", beats, 10.0, chance=no_chance)
    ticker.start()
    await asyncio.sleep(3)
    ticker.poke()
    await asyncio.sleep(1)
    await ticker.stop()
    assert beats.gaps == [3.0]


@simulated
async def test_a_poke_during_a_beat_makes_it_beat_once_more() -> None:
    started, go = asyncio.Event(), asyncio.Event()
    count = 0

    async def beat() -> None:
        nonlocal count
        count += 1
        started.set()
        await go.wait()

    ticker = Ticker("test", beat, 10.0)
    ticker.start()
    await started.wait()
    ticker.poke()
    ticker.poke()
    go.set()
    await asyncio.sleep(1)
    await ticker.stop()
    assert count == 2


@simulated
async def test_a_poke_does_not_cut_the_pause_after_an_error() -> None:
    beats = Beats(ValueError("no"), ValueError("no"), ValueError("no"))
    ticker = Ticker("test", beats, 10.0, chance=no_chance)
    ticker.start()
    await asyncio.sleep(0)
    for _ in range(20):
        ticker.poke()
        await asyncio.sleep(0.01)
    await ticker.stop()
    assert len(beats.times) == 2


@simulated
async def test_end_lets_the_beat_come_to_its_end() -> None:
    done: list[str] = []

    async def beat() -> None:
        await asyncio.sleep(5)
        done.append("beat")

    ticker = Ticker("test", beat, 10.0)
    ticker.start()
    await asyncio.sleep(1)
    ticker.end()
    await ticker.ended()
    assert done == ["beat"]


@simulated
async def test_stop_cancels_the_beat_and_can_be_called_twice() -> None:
    async def beat() -> None:
        await asyncio.Event().wait()

    ticker = Ticker("test", beat)
    ticker.start()
    await asyncio.sleep(1)
    await ticker.stop()
    await ticker.stop()
