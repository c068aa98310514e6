"""`headrace doctor`: each check is made to say no by what it looks for."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from headrace import App, storage
from headrace.core import checks, lifecycle
from headrace.core.commands import Add, Beat, Claim, Command, Configure, Settle, Source, WorkerRecord
from headrace.core.jobs import Failure, NewJob, Parent
from headrace.core.limits import Rate
from headrace.core.outcomes import Failed, PutBack
from headrace.storage.sql import connect
from headrace.storage.sql import inspect as looking
from tests.cli.project import Ended, Project
from tests.conformance.clock import FrozenClock

Call = Callable[..., Ended]
HOUR_MS = 3_600_000


def verdicts(done: Ended) -> dict[str, str]:
    return {found["check"]: found["verdict"] for found in done.json["checks"]}


def no(done: Ended) -> dict[str, str]:
    """The checks that do not say ok."""
    return {check: verdict for check, verdict in verdicts(done).items() if verdict != "ok"}


def path(project: Project) -> Path:
    return project.folder / "headrace.db"


def run(project: Project, *commands: Command[Any], ago_ms: int = 0) -> list[Any]:
    """Commands on the project's store, by a clock that is behind by so much."""
    clock = FrozenClock()
    clock.now = looking.time.time_ns() // 1_000_000 - ago_ms
    store = storage.open(project.url, prefix=project.environ.get("HEADRACE_PREFIX"), clock=clock)

    async def done() -> list[Any]:
        await store.open()
        try:
            return [await store.run(command) for command in commands]
        finally:
            await store.close()

    return asyncio.run(done())


def worker(queue: str = "q", names: tuple[str, ...] | None = None) -> Beat:
    return Beat(WorkerRecord("w", "host", 1, (Source(queue, names),), 5), 60_000)


def test_a_store_in_order_is_told_so_check_by_check(call: Call, project: Project) -> None:
    async def act(app: App) -> Any:
        return await app.tasks["greet"].enqueue()

    project.work(act)
    done = call("doctor")
    assert done.code == 0
    assert [line.split()[:2] for line in done.out.splitlines()] == [
        ["ok", check]
        for check in "sqlite directory local disk schema journal wal integrity "
        "clock served tasks paused flows oldest busy workers limits leases schedules janitor".split()
    ]
    assert set(verdicts(call("doctor", "--json")).values()) == {"ok"}


def test_it_fits_80_columns_and_says_what_to_do(call: Call, project: Project) -> None:
    for number in range(9):
        project.add(queue=f"a queue with a name that is rather long {number}")
    done = call("doctor")
    assert done.code == 1
    assert max(map(len, done.out.splitlines())) <= 80
    assert "→ start a worker: headrace worker APP" in done.out
    assert "and 4 more" in done.out


def test_it_changes_nothing(call: Call, project: Project) -> None:
    run(project)
    before = path(project).read_bytes()
    call("doctor")
    assert path(project).read_bytes() == before


def test_a_store_that_is_not_there_is_not_made(call: Call, project: Project) -> None:
    assert call("doctor").code == 69
    assert not path(project).exists()


# -- the file ---------------------------------------------------------------------------------------------------


@pytest.fixture
def file(project: Project) -> Path:
    run(project)
    return path(project)


def test_an_unsafe_sqlite(call: Call, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "SAFE_SQLITE", (99, 0, 0))
    monkeypatch.setattr(connect, "SAFE_SQLITE", (99, 0, 0))
    done = call("doctor", "--json")
    assert no(done) == {"sqlite": "fail"}
    assert "served" not in verdicts(done)


@pytest.mark.parametrize("locked", ["file", "directory"])
def test_what_cannot_be_written_keeps_the_store_closed(
    call: Call, file: Path, monkeypatch: pytest.MonkeyPatch, locked: str
) -> None:
    """Root may write everything, so the system is asked in the name of another."""
    place = file if locked == "file" else file.parent
    monkeypatch.setattr(looking.os, "access", lambda path, _: Path(path).absolute() != place)
    done = call("doctor", "--json")
    assert (done.code, done.err) == (1, "")
    assert no(done) == {"directory": "fail"}
    assert "served" not in verdicts(done)
    assert "→ give this user the right to write to both" in call("doctor").out


def test_a_network_file_system(file: Path, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"disk / ext4 rw 0 0\nserver:/ {file.parent.resolve()} nfs4 rw 0 0\n")
    assert checks.local(looking.inspect(str(file), mounts=mounts))[:2] == (
        "fail",
        "the file is on a network file system (nfs4)",
    )
    assert checks.local(looking.inspect(str(file), mounts=tmp_path / "none"))[0] == "ok"


@pytest.mark.parametrize(("bound", "verdict"), [("DISK_FAIL", "fail"), ("DISK_WARN", "warn")])
def test_a_full_disk(call: Call, file: Path, bound: str, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, bound, 1 << 60)
    assert no(call("doctor", "--json")) == {"disk": verdict}


def test_a_log_that_grows(call: Call, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "WAL_WARN", 50_000)
    run(project)
    with closing(apsw.Connection(str(path(project)))) as other:
        other.execute("begin")
        other.execute("select count(*) from jobs").fetchall()
        run(project, *(Add((NewJob("q", "x", '"' + "x" * 10_000 + '"'),)) for _ in range(10)))
        assert verdicts(call("doctor", "--json"))["wal"] == "warn"


def test_another_journal(call: Call, file: Path) -> None:
    with closing(apsw.Connection(str(file))) as other:
        other.execute("pragma journal_mode = delete")
    before = file.read_bytes()
    for _ in range(2):  # to open the store would set it again
        done = call("doctor", "--json")
        assert no(done) == {"journal": "warn"}
        assert "served" not in verdicts(done)
    assert file.read_bytes() == before


@pytest.mark.parametrize(("version", "verdict"), [(1, "warn"), (9_999, "fail")])
def test_another_schema_keeps_the_store_closed(call: Call, file: Path, version: int, verdict: str) -> None:
    with closing(apsw.Connection(str(file))) as other:
        other.execute(f"pragma user_version = {version}")
    done = call("doctor", "--json")
    assert no(done) == {"schema": verdict}
    assert "served" not in verdicts(done)


def test_the_database_of_another_program(call: Call, project: Project) -> None:
    with closing(apsw.Connection(str(path(project)))) as other:
        other.execute("create table theirs (a)")
    assert no(call("doctor", "--json")) == {"schema": "fail"}  # and no word of its journal, which is theirs


def test_an_empty_file_is_nobodys_yet(call: Call, project: Project) -> None:
    path(project).touch()
    done = call("doctor")
    assert done.code == 0
    assert "warn  schema    the file is empty" in done.out
    assert path(project).read_bytes() == b""


def test_a_directory(call: Call, project: Project) -> None:
    path(project).mkdir()
    said = " ".join(call("doctor").out.split())
    assert "the file cannot be read: it is a directory → restore a copy of it, or name another with --url" in said


def test_a_file_that_another_program_holds(call: Call, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "BUSY_MS", 1)
    with closing(apsw.Connection(str(file))) as other:
        other.execute("pragma locking_mode = exclusive")
        other.execute("begin exclusive")
        done = call("doctor")
        other.execute("rollback")
    assert done.code == 1
    assert "another program holds the file locked" in done.out
    assert "restore" not in done.out  # over a file that is sound


def test_a_file_that_is_no_database(call: Call, project: Project) -> None:
    path(project).write_text("a diary, and a long one" * 100)
    done = call("doctor")
    assert done.code == 1
    assert "the file cannot be read: file is not a database" in " ".join(done.out.split())


def test_a_damaged_file(call: Call, project: Project) -> None:
    run(project, Add(tuple(NewJob("q", "x", '"' + "x" * 500 + '"') for _ in range(200))))
    content = bytearray(path(project).read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xaa" * 4096
    path(project).write_bytes(content)
    done = call("doctor", "--json")
    assert no(done)["integrity"] == "fail"
    assert done.code == 1


def test_a_file_too_large_to_be_checked_in_time(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    run(project, Add(tuple(NewJob("q", "x") for _ in range(500))))
    monkeypatch.setattr(looking, "STEPS", 1)
    assert checks.integrity(looking.inspect(str(path(project)), check_s=-1.0))[0] == "warn"


# -- queues, workers, flows -------------------------------------------------------------------------------------


def test_a_clock_that_was_set_back(call: Call, project: Project) -> None:
    run(project, worker(), ago_ms=-HOUR_MS)
    assert verdicts(call("doctor", "--json"))["clock"] == "fail"
    run(project, Add((NewJob("q", "x"),)), ago_ms=-2 * HOUR_MS)
    assert "7200 s in the future" in call("doctor").out


def test_a_clock_that_is_set_while_doctor_looks(call: Call, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from headrace.cli import doctor

    class Jumping:
        instants = iter([0, 0, 5_000_000_000])
        time_ns = staticmethod(lambda: next(Jumping.instants))
        monotonic_ns = staticmethod(lambda: 0)

    monkeypatch.setattr(doctor, "time", Jumping)
    assert verdicts(call("doctor", "--json"))["clock"] == "warn"


@pytest.mark.parametrize(("delay_ms", "verdict"), [(0, "fail"), (60_000, "warn")])
def test_a_queue_that_nobody_serves(call: Call, project: Project, delay_ms: int, verdict: str) -> None:
    run(project, Add((NewJob("q", "x", delay_ms=delay_ms),)))
    assert no(call("doctor", "--json")) == {"served": verdict}


def test_a_task_that_nobody_serves(call: Call, project: Project) -> None:
    run(project, Add((NewJob("q", "known"), NewJob("q", "lost"))), worker(names=("known",)))
    done = call("doctor", "--json")
    assert verdicts(done)["tasks"] == "fail"
    (found,) = [one for one in done.json["checks"] if one["check"] == "tasks"]
    assert found["says"].endswith(": q/lost")


def test_a_paused_queue_with_jobs(call: Call, project: Project) -> None:
    run(project, Add((NewJob("q", "x"),)))
    call("queues", "pause", "q")
    assert verdicts(call("doctor", "--json"))["paused"] == "warn"


def test_a_parent_that_waits_for_a_failed_child(call: Call, project: Project) -> None:
    child = NewJob("q", "child", parent=Parent("q", "p", "wait"))
    claim = Claim((Source("q"),), 1, "t", 60_000, "w")
    _, claimed = run(project, Add((NewJob("q", "parent", id="p", has_children=True), child)), claim)
    run(project, Settle((lifecycle.settle(claimed.leases[0], Failed(Failure("no", attempt=1), False), 0.0),)))
    done = call("doctor", "--json")
    assert verdicts(done)["flows"] == "warn"
    assert "headrace jobs retry q/2" in str(done.json)


def test_the_id_of_a_job_is_not_broken_over_lines(call: Call, project: Project) -> None:
    job = "a-job-of-a-flow-0b6f6c0e-2f1a-4f5e-9d0c-7d9f0a3b1c2d"
    run(project, Add((NewJob("q", "x", id=job),)), ago_ms=2 * HOUR_MS)
    assert f"headrace jobs why q/{job}" in call("doctor").out.replace("\n                ", " ")


def test_a_job_that_waits_too_long(call: Call, project: Project) -> None:
    run(project, Add((NewJob("q", "x"),)), ago_ms=2 * HOUR_MS)
    assert verdicts(call("doctor", "--json"))["oldest"] == "warn"


@pytest.mark.parametrize(("running", "verdict"), [(10, "warn"), (9, "ok")])
def test_jobs_for_which_no_slot_is_free(call: Call, project: Project, running: int, verdict: str) -> None:
    run(project, Add((NewJob("q", "x"),)), ago_ms=2 * 60_000)
    run(project, Beat(WorkerRecord("w", "host", 1, (Source("q"),), 10, running=running), 60_000))
    assert verdicts(call("doctor", "--json"))["busy"] == verdict


@pytest.mark.parametrize(
    ("state", "advice"), [("paused", "headrace workers resume w"), ("draining", "start another: headrace worker APP")]
)
def test_workers_that_claim_nothing(call: Call, project: Project, state: Any, advice: str) -> None:
    record = WorkerRecord("w", "host", 1, (Source("q"),), 10, state=state)
    run(project, Add((NewJob("q", "x"),)), Beat(record, 60_000))
    done = call("doctor", "--json")
    assert verdicts(done)["workers"] == "warn"
    assert advice in str(done.json)
    run(project, Beat(WorkerRecord("other", "host", 1, (Source("q"),), 10), 60_000))
    assert verdicts(call("doctor", "--json"))["workers"] == "ok"


@pytest.mark.parametrize(
    "limit", [Configure("two words", concurrency=1), Configure("two words", rate=Rate(1, 3_600_000))]
)
def test_a_queue_that_may_start_none(call: Call, project: Project, limit: Configure) -> None:
    jobs = Add((NewJob("two words", "x"), NewJob("two words", "x")))
    run(project, limit, jobs, Claim((Source("two words"),), 2, "t", 600_000, "w"), ago_ms=2 * 60_000)
    done = call("doctor", "--json")
    assert verdicts(done)["limits"] == "warn"
    assert "headrace queues limit 'two words'" in str([one["advice"] for one in done.json["checks"]]).replace("\\", "")
    run(project, Configure("two words", concurrency=None, rate=None))
    assert verdicts(call("doctor", "--json"))["limits"] == "ok"


def test_a_queue_that_rests(call: Call, project: Project) -> None:
    _, claimed = run(project, Add((NewJob("q", "x"),)), Claim((Source("q"),), 1, "t", 60_000, "w"), ago_ms=2 * 60_000)
    run(project, Settle((lifecycle.settle(claimed.leases[0], PutBack(600_000), 0.0),)), ago_ms=2 * 60_000)
    assert verdicts(call("doctor", "--json"))["limits"] == "warn"


def test_a_job_that_was_delayed_for_long_has_not_waited_for_long(call: Call, project: Project) -> None:
    run(project, Add((NewJob("q", "x", delay_ms=HOUR_MS),)), ago_ms=2 * HOUR_MS)
    run(project, Claim((Source("q", ()),), 1, "t", 60_000))  # promotes it, and takes none
    assert verdicts(call("doctor", "--json"))["oldest"] == "ok"


@pytest.mark.parametrize(("ago_ms", "verdict"), [(0, "warn"), (HOUR_MS, "fail")])
def test_jobs_of_a_worker_that_is_gone(call: Call, project: Project, ago_ms: int, verdict: str) -> None:
    run(project, Add((NewJob("q", "x"),)), Claim((Source("q"),), 1, "t", 60_000, "gone"), ago_ms=ago_ms)
    assert no(call("doctor", "--json")) == {"leases": verdict}


def test_only_a_worker_gives_back_the_jobs_of_one_that_is_gone(call: Call, project: Project) -> None:
    run(project, Add((NewJob("q", "x"),)), Claim((Source("q"),), 1, "t", 60_000, "gone"))
    assert "→ start a worker" in call("doctor").out
    run(project, worker())
    assert "→ wait until their leases have ended" in call("doctor").out


def test_workers_without_a_janitor(call: Call, project: Project) -> None:
    run(project, worker())
    assert no(call("doctor", "--json")) == {"janitor": "fail"}


def test_workers_with_one(call: Call, project: Project) -> None:
    async def act(app: App) -> Ended:
        async with app.worker() as running:
            await running.run_until_idle()
            while not looking.inspect(str(path(project))).janitor_until:
                await asyncio.sleep(0)
            return await asyncio.to_thread(call, "doctor", "--json")

    async def served() -> Ended:
        async with project.app() as app:
            return await act(app)

    assert no(asyncio.run(served())) == {}
