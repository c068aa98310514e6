"""The same operations through BullMQ and through Headrace, by a seed, leave the same bytes after each of them.

What differs on purpose stands in `differences.toml`. A sequence that fails is printed up to the step that showed it.
`HEADRACE_TEST_SEEDS=7` plays a seed again, `HEADRACE_TEST_SEEDS=100-199` a hundred; with `HEADRACE_TEST_SHRINK=1` what
a failure does not need is left out of it, which takes a minute.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import redis

import headrace
from headrace.storage.redis import RedisStore
from tests.conformance.desk import Desk
from tests.interop.node import Node
from tests.interop.twins.differences import Difference, meant
from tests.interop.twins.ours import Ours
from tests.interop.twins.picture import PREFIX
from tests.interop.twins.player import Operation, Player
from tests.interop.twins.scenes import SCENES, job
from tests.interop.twins.stage import Stage, shrunk
from tests.interop.twins.theirs import Theirs

SEEDS: Final = range(5)
SOAK_SEEDS: Final = range(1_000, 1_060)
STEPS: Final = 120
SHOWN: Final = 40  # operations that a failure prints, the last ones
DATABASES: Final = (1, 2)  # BullMQ's and ours
LAYOUT: Final = Path(__file__).parents[2] / "docs/internals/redis-layout.md"

pytestmark = pytest.mark.usefixtures("server_of_ours")  # two of its databases are emptied again and again


def chosen() -> Sequence[int]:
    first, _, last = os.environ.get("HEADRACE_TEST_SEEDS", "").partition("-")
    return range(int(first), int(last or first) + 1) if first else SEEDS


@asynccontextmanager
async def staged(valkey_url: str, bullmq: Path, seed: int) -> AsyncIterator[tuple[Stage, Player]]:
    address = urlsplit(valkey_url)
    urls = [address._replace(path=f"/{db}").geturl() for db in DATABASES]
    async with AsyncExitStack() as stack:
        dbs = [stack.enter_context(redis.Redis.from_url(url, decode_responses=True)) for url in urls]
        for db in dbs:
            db.flushdb()
        nodes = []
        for url in urls:
            nodes.append(await Node.start(bullmq, url, PREFIX))
            stack.push_async_callback(nodes[-1].stop)
        store = RedisStore(urls[1], prefix=PREFIX)
        await store.open()
        stack.push_async_callback(store.close)
        app = await stack.enter_async_context(headrace.App(urls[1], prefix=PREFIX))
        stage = Stage((Theirs(nodes[0]), dbs[0]), (Ours(Desk(store), app, nodes[1]), dbs[1]), meant())
        yield stage, Player(seed, dbs[0], stage.began_ms)


def told(of: str, played: Sequence[Operation], amiss: Sequence[Difference]) -> str:
    steps = list(enumerate(played))[-SHOWN:]
    lines = [f"{step:4} {name} {' '.join(map(str, words))}" for step, (name, words) in steps]
    return "\n".join([f"{of} differs after step {len(played) - 1}:", *lines, *map(str, amiss)])


async def play(seed: int, valkey_url: str, bullmq: Path) -> None:
    async with staged(valkey_url, bullmq, seed) as (stage, player):
        played: list[Operation] = []
        for _ in range(STEPS):
            played.append(player.operation())
            amiss = await stage.play(played[-1])
            if amiss and os.environ.get("HEADRACE_TEST_SHRINK"):
                played = [*await shrunk(stage, played, amiss)]
            assert not amiss, told(f"seed {seed}", played, amiss)


@pytest.mark.parametrize("seed", chosen())
async def test_it_is_the_same_after_every_step(seed: int, valkey_url: str, bullmq: Path) -> None:
    await play(seed, valkey_url, bullmq)


@pytest.mark.soak
@pytest.mark.parametrize("seed", SOAK_SEEDS)
async def test_it_is_the_same_for_many_seeds(seed: int, valkey_url: str, bullmq: Path) -> None:
    await play(seed, valkey_url, bullmq)


async def test_what_is_meant_to_differ_differs(valkey_url: str, bullmq: Path) -> None:
    """An entry of the list that no scene shows any more is to be struck."""
    async with staged(valkey_url, bullmq, 0) as (stage, _):
        for scene in SCENES:
            stage.clear()
            operations = scene(stage.began_ms)
            for step, operation in enumerate(operations):
                amiss = await stage.play(operation)
                assert not amiss, told(scene.__name__, operations[: step + 1], amiss)
        unseen = [each for each in meant() if each not in stage.used]
        assert not unseen, "strike these from differences.toml, or write a scene that shows them"


async def test_what_a_difference_does_not_need_is_left_out(
    valkey_url: str, bullmq: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Ours.log

    async def misheard(self: Ours, queue: str, id: str, line: str) -> None:
        await heard(self, queue, id, line if line != "no" else "yes")

    monkeypatch.setattr(Ours, "log", misheard)
    played: list[Operation] = [("add", ("p", job(name))) for name in "abcd"]
    played += [("log", ("p", "a", "so")), ("fetch", ("p", "t")), ("pause", ("q",)), ("log", ("p", "c", "no"))]
    async with staged(valkey_url, bullmq, 0) as (stage, _):
        amiss = [await stage.play(operation) for operation in played][-1]
        assert await shrunk(stage, played, amiss) == [("add", ("p", job("c"))), ("log", ("p", "c", "no"))]


def test_every_difference_on_the_list_is_told_in_the_documentation() -> None:
    page = LAYOUT.read_text()
    untold = [each.told for each in meant() if f"| {each.told} | {each.reason} |" not in page]
    assert not untold, "these want a row in docs/internals/redis-layout.md, with the reason of differences.toml"
