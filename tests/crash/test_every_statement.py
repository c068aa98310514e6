"""Whatever a SQLite store does when it stops: opened again, it has done all of a call or nothing, and keeps the rules.

A call is stopped before each of its statements, inside its commit, by an error that passes, by one that stays, and by
SIGKILL of a real process. Which commands there are is asked of `headrace.core.commands`.
"""

import hashlib
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from headrace.core.commands import Settled
from headrace.core.errors import Refused, Unavailable
from headrace.storage.sql.lite import WRITES
from headrace.storage.sql.script import load
from tests.crash.base import NAME, Base, made, recovered
from tests.crash.scenes import KINDS, SCENES
from tests.crash.statements import watched
from tests.crash.tables import copied
from tests.house.source import ROOT
from tests.house.test_commands import snake

HEADER, FRAME = 32, 24 + 4096  # bytes of a write-ahead log: once, and a page
SHARED = ("keys", "ledger", "match", "parents", "tally", "turns")  # what several commands use
UNSEEN = {
    "ledger.trim",  # one delete in a log of more than 11,000 entries, which would make every scene slow
    "add.series",  # of Adds by several callers at once; tests/storage/test_series.py stops before each of those
    "tally.of_all_since",  # reads only
}
SEED = 20261122
KILLS = 8


class Turn(NamedTuple):
    """One call on a copy of the world: what it answered, its statements, and the rows that were found afterwards."""

    reply: Any
    statements: list[str]
    rows: dict[str, list[Any]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return made(tmp_path_factory.mktemp("base"))


def writes(base: Base, scene: str) -> bool:
    return any(type(command) in WRITES for command in base.calls[scene])


async def turn(base: Base, scene: str, folder: Path, at: Callable[[int, str], None] = lambda *_: None) -> Turn:
    path = base.copy(folder)
    with watched() as statements:
        async with base.store(path) as store:
            statements.arm(at)
            reply = await store.run(*base.calls[scene])
            statements.disarm()
    found = recovered(path)
    shutil.rmtree(folder)
    return Turn(reply, statements.seen, found)


def test_every_command_has_a_scene(base: Base) -> None:
    for name, kind in KINDS.items():
        assert name in SCENES, f"{name} has no scene in tests/crash/scenes.py"
        assert isinstance(base.calls[name][0], kind)
    assert tuple(base.calls) == SCENES


async def test_every_statement_of_a_command_that_writes_is_in_a_scene(base: Base, tmp_path: Path) -> None:
    seen: set[str] = set()
    for number, scene in enumerate(SCENES):
        seen |= set(map(bare, (await turn(base, scene, tmp_path / str(number))).statements))
    stems = [*(snake(kind.__name__) for kind in WRITES), *SHARED]
    steps = {f"{stem}.{name}": bare(text) for stem in stems for name, text in vars(load(stem)).items()}
    assert {step for step, text in steps.items() if text not in seen} == UNSEEN


@pytest.mark.parametrize("scene", SCENES)
async def test_a_scene_does_something(base: Base, scene: str, tmp_path: Path) -> None:
    """One that is refused, or changes nothing, would let everything pass."""
    done = await turn(base, scene, tmp_path / "run")
    replies = done.reply if isinstance(done.reply, tuple) else (done.reply,)
    assert not [reply for reply in replies if isinstance(reply, Refused)]
    assert not [reply for reply in replies if isinstance(reply, Settled) and set(reply.refusals) != {None}]
    assert (done.rows != base.rows) == writes(base, scene)


@pytest.mark.parametrize("scene", SCENES)
async def test_a_stop_before_any_statement_leaves_nothing_of_the_call(base: Base, scene: str, tmp_path: Path) -> None:
    path = base.copy(tmp_path / "run")
    left: dict[bytes, int] = {}  # what a stop leaves is mostly the same; each is looked at once

    def stop(number: int, sql: str) -> None:
        digest = fingerprint(path)
        if digest not in left:
            left[digest] = number
            copied(path, tmp_path / str(number))

    with watched() as statements:
        async with base.store(path) as store:
            statements.arm(stop)
            await store.run(*base.calls[scene])
            statements.disarm()
    assert len(statements.seen) >= 3  # begin, something, commit
    for number in left.values():
        assert recovered(tmp_path / str(number) / NAME) == base.rows, statements.seen[number - 1]


@pytest.mark.parametrize("scene", SCENES)
async def test_a_stop_inside_a_commit_leaves_all_of_the_call_or_nothing(base: Base, scene: str, tmp_path: Path) -> None:
    path = base.copy(tmp_path / "run")
    async with base.store(path) as store:
        await store.run(*base.calls[scene])
        whole = copied(path, tmp_path / "after")
    log = Path(f"{whole}-wal").read_bytes()
    for cut in cuts(len(log)):
        torn = base.copy(tmp_path / str(cut))
        Path(f"{torn}-wal").write_bytes(log[:cut])
        assert recovered(torn) == base.rows, cut
    assert (recovered(whole) != base.rows) == writes(base, scene)


@pytest.mark.parametrize("scene", SCENES)
async def test_an_error_that_passes_is_not_noticed(base: Base, scene: str, tmp_path: Path) -> None:
    well = await turn(base, scene, tmp_path / "well")
    for failing in range(1, len(well.statements) + 1):

        def fail(number: int, sql: str, failing: int = failing) -> None:
            if number == failing:
                raise apsw.IOError("a test says so")

        done = await turn(base, scene, tmp_path / str(failing), fail)
        assert (done.reply, done.rows) == (well.reply, well.rows), (failing, well.statements[failing - 1])


@pytest.mark.parametrize("scene", SCENES)
async def test_an_error_that_stays_is_unavailable_and_leaves_nothing_of_a_command(
    base: Base, scene: str, tmp_path: Path
) -> None:
    well = await turn(base, scene, tmp_path / "well")
    for failing in sorted({1, 2, len(well.statements) // 2, len(well.statements)}):
        path = base.copy(tmp_path / str(failing))

        def fail(number: int, sql: str, failing: int = failing) -> None:
            if number >= failing and sql != "rollback":
                raise apsw.IOError("a test says so")

        with watched() as statements:
            async with base.store(path) as store:
                statements.arm(fail)
                with pytest.raises(Unavailable):
                    await store.run(*base.calls[scene])
                statements.disarm()
                assert await store.run(*base.calls[scene]) == well.reply
        assert recovered(path) == well.rows


def kills() -> list[tuple[str, int]]:
    """Some (scene, statement), drawn from the seed."""
    dice = random.Random(SEED)
    return [(scene, dice.randint(1, 12)) for scene in dice.sample(SCENES, KILLS)]


def kill(base: Base, scene: str, number: int, folder: Path) -> bool:
    """Let a child of ours make the call and kill itself; whether it came so far."""
    path = base.copy(folder)
    command = [sys.executable, "-m", "tests.crash.child", str(path), str(base.now), scene, str(number)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode in (0, -signal.SIGKILL), child.stderr
    found = recovered(path)
    if child.returncode == 0:
        assert (found != base.rows) == writes(base, scene)
    else:
        assert found == base.rows
    return child.returncode != 0


def test_a_process_that_is_killed_leaves_nothing_of_the_call(base: Base, tmp_path: Path) -> None:
    hits = [kill(base, scene, number, tmp_path / str(at)) for at, (scene, number) in enumerate(kills())]
    assert sum(hits) >= KILLS // 2, f"seed {SEED}: too few kills hit; this run says nothing"


@pytest.mark.soak
@pytest.mark.parametrize("scene", SCENES)
def test_a_process_that_is_killed_at_any_statement_leaves_nothing_of_the_call(
    base: Base, scene: str, tmp_path: Path
) -> None:
    number = 1
    while kill(base, scene, number, tmp_path / str(number)):
        number += 1
    assert number > 3


def bare(sql: str) -> str:
    """A statement without comments and line breaks."""
    return " ".join(" ".join(line for line in sql.splitlines() if not line.startswith("--")).split()).rstrip(";")


def fingerprint(path: Path) -> bytes:
    parts = [part.read_bytes() for part in (path, Path(f"{path}-wal")) if part.exists()]
    return hashlib.blake2b(b"|".join(parts)).digest()


def cuts(size: int) -> list[int]:
    """Lengths of a log that was not written to its end: at each page, within each, and one byte short."""
    pages = range(HEADER, size, FRAME)
    return sorted({cut for page in pages for cut in (page, page + FRAME // 2) if cut < size} | {max(size - 1, 0)})
