"""The checker of histories is silent about good stores, and names every sin."""

from pathlib import Path

import pytest

from headrace.core.commands import Add, Claim, Settle
from headrace.storage import open as open_store
from headrace.storage.protocol import Storage
from headrace.testing import Faults, FaultyStore, FrozenClock
from tests.history.drive import Drive
from tests.history.final import final_of
from tests.history.rules import RULES, Finding, findings
from tests.history.sins import SINS, Sinner

SEEDS = range(4)


async def found(store: Storage, clock: FrozenClock, seed: int) -> list[Finding]:
    await store.open()
    try:
        history = await Drive(store, clock, seed).live()
        return findings(history, await final_of(store), least=20)
    finally:
        await store.close()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("engine", ["memory", "sqlite"])
async def test_nothing_is_said_of_a_good_store(engine: str, seed: int, tmp_path: Path) -> None:
    clock = FrozenClock()
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/jobs.db"}[engine]
    assert await found(open_store(url, clock=clock), clock, seed) == []


@pytest.mark.parametrize("seed", SEEDS)
async def test_lost_replies_and_absences_are_no_sins(seed: int) -> None:
    """What nobody was told of may have happened or not."""
    clock, faults = FrozenClock(), Faults(seed)
    store = open_store("memory://", clock=clock)
    await store.open()
    faults.lose(Add, Settle, Claim, times=None, chance=0.1)
    faults.be_away(times=None, chance=0.1)
    history = await Drive(FaultyStore(store, faults), clock, seed).live()
    assert findings(history, await final_of(store), least=20) == []
    assert faults.bites > 10


async def test_a_flow_that_was_never_stored_is_no_sin() -> None:
    """Its id is free then, and somebody else may take it."""
    clock = FrozenClock()
    store = open_store("memory://", clock=clock)
    await store.open()
    faults = Faults(0)
    faults.be_away(times=2)  # the first job is asked for twice at most
    history = await Drive(FaultyStore(store, faults), clock, 1).live()
    assert findings(history, await final_of(store), least=20) == []


def test_every_rule_has_a_sin() -> None:
    assert set(SINS) == set(RULES)


@pytest.mark.parametrize(("rule", "sinner"), [(rule, sinner) for rule, sinners in SINS.items() for sinner in sinners])
async def test_a_sin_is_named(rule: str, sinner: type[Sinner]) -> None:
    clock = FrozenClock()
    said = await found(sinner(open_store("memory://", clock=clock)), clock, 1)
    assert rule in {finding.rule for finding in said}, said


async def test_where_nothing_happened_nothing_is_known() -> None:
    clock = FrozenClock()
    store = open_store("memory://", clock=clock)
    await store.open()
    drive = Drive(store, clock, 1, jobs=0)
    history = await drive.live()
    assert [finding.rule for finding in findings(history, await final_of(store), least=20)] == ["unknown"]
