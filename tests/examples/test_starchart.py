"""The scenarios of the flow as published, on the stores that are built, and the demo that strangers start with."""

import asyncio
import io
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import headrace
from examples.starchart.app import read_scale
from examples.starchart.ending import Ending, Step, look
from examples.starchart.fake_dns import Faults
from examples.starchart.flows import QUEUES
from examples.starchart.published_scenarios import S1, S4, s1, s4
from examples.starchart.scenario import DEMO, DEMO_SCALE, LONG, SCENARIOS, demo
from examples.starchart.show import plain, watch
from examples.starchart.stage import Scenario
from tests.examples.play import DONE, SCALE, UNRUN, Play, assert_at_least, assert_failed_by, failure, pauses, record

ROOT = Path(__file__).resolve().parents[2]


async def test_s1_all_four_complete_and_the_row_is_active(stage: Play) -> None:
    jobs = await stage.ends(S1.expected, s1(stage.stage))
    check, sync = jobs["check_dns_status"], jobs["sync_db_status"]
    assert stage.runs == {"add_db_record": 1, "create_dns_record": 1, "check_dns_status": 3, "sync_db_status": 1}
    assert record(check).options.backoff == headrace.Exponential(60 * SCALE).stored()
    assert_at_least(await pauses(stage.app, check), [60, 120])
    assert [one.reason for one in record(check).failures] == ["C1 is PENDING"] * 2
    assert await check.logs() == [f"attempt {n}: C1 is {s}" for n, s in enumerate(("PENDING", "PENDING", "INSYNC"), 1)]
    keys = [str(jobs[child].ref) for child in ("add_db_record", "check_dns_status")]
    assert await sync.logs() == [f"results of {', '.join(keys)}"]
    assert [key.partition("/")[0] for key in keys] == ["db-record-update", "check-dns-status"]
    assert [await jobs[task].result() for task in S1.expected.jobs] == [None, 1, "INSYNC", "C1"]


async def test_s2_without_a_dns_worker_the_rest_waits_and_counts_and_tree_say_so(stage: Play) -> None:
    root = await stage.app.enqueue(stage.service.create("s2.students.example", "192.0.2.7"))
    async with stage.app.worker(*(queue for queue in QUEUES if queue != "dns-record-update")) as worker:
        await worker.run_until_idle()
        expected = {
            "sync_db_status": "waiting-children",
            "add_db_record": "completed",
            "check_dns_status": "waiting-children",
            "create_dns_record": "waiting",
        }
        nodes = (await stage.app.tree(root)).nodes
        assert {node.record.name: node.record.state for node in nodes if node.record} == expected
        for queue, task in zip(QUEUES, ("add_db", "create_dns", "check_dns", "sync_db"), strict=True):
            state = next(state for name, state in expected.items() if name.startswith(task))
            assert {name: n for name, n in (await stage.app.queue(queue).counts()).items() if n} == {state: 1}
        assert [(node.is_pending, node.value) for node in nodes if node.parent == root.ref] == [
            (False, "1"),
            (True, None),
        ]
        sync = await root.refresh()
        assert (sync.children, sync.children_pending) == (2, 1)
    assert stage.runs == {"add_db_record": 1}


async def test_s3_two_answers_of_503_cost_two_attempts_and_are_remembered(stage: Play) -> None:
    steps = {**S1.expected.jobs, "create_dns_record": Step("completed", 3), "check_dns_status": DONE}
    jobs = await stage.of(Scenario("S3", "", Faults(fail_next=2), replace(S1.expected, jobs=steps)))
    failures = record(jobs["create_dns_record"]).failures
    assert [(one.attempt, one.kind, one.cause) for one in failures] == [
        (1, "DnsUnavailable", "error"),
        (2, "DnsUnavailable", "error"),
    ]
    assert all("503" in one.reason and "in create_dns_record" in one.trace for one in failures)
    assert_at_least(await pauses(stage.app, jobs["create_dns_record"]), [15, 30])


async def test_s4_dns_down_for_good_fails_the_parents_unrun_and_leaves_a_pending_row(stage: Play) -> None:
    jobs = await stage.ends(S4.expected, s4(stage.stage))
    create, check, sync = jobs["create_dns_record"], jobs["check_dns_status"], jobs["sync_db_status"]
    assert failure(create).reason == "the DNS provider answered 503: unavailable"
    assert [one.attempt for one in record(create).failures] == [1, 2, 3, 4, 5]
    assert_at_least(await pauses(stage.app, create), [15, 30, 60, 120])
    assert_failed_by(check, create)
    assert_failed_by(sync, check)
    assert stage.runs == {"add_db_record": 1, "create_dns_record": 5}
    assert await check.logs() == await sync.logs() == []
    assert stage.stage.dns.counters()["faults"] == 5
    with pytest.raises(headrace.errors.JobFailed, match=f"child {check.ref} failed"):
        await sync.result()
    found = stage.service.records.find(S4.name)
    assert found is not None
    assert found.status == "pending"


async def test_s5_a_change_that_is_never_in_sync_burns_five_attempts(stage: Play) -> None:
    steps = {"sync_db_status": UNRUN, "add_db_record": DONE, "check_dns_status": Step("failed", 5)}
    expected = Ending({**steps, "create_dns_record": DONE}, row="pending", is_in_zone=True)
    jobs = await stage.of(Scenario("S5", "", Faults(never_in_sync=True), expected))
    check = jobs["check_dns_status"]
    waited = await pauses(stage.app, check)
    assert_at_least(waited, [60, 120, 240, 480])
    assert sum(waited) >= 900
    assert failure(check).reason == "C1 is PENDING"
    assert_failed_by(jobs["sync_db_status"], check)
    assert stage.runs["sync_db_status"] == 0


async def test_s6_a_duplicate_is_tried_in_vain_and_dns_gets_an_orphan(stage: Play) -> None:
    steps = {"sync_db_status": UNRUN, "add_db_record": Step("failed", 5), "check_dns_status": DONE}
    expected = Ending({**steps, "create_dns_record": DONE}, row="pending", is_in_zone=True)
    duplicate = Scenario("S6", "", Faults(), expected)
    stage.service.records.add(duplicate.name, "192.0.2.99")
    jobs = await stage.of(duplicate)
    assert failure(jobs["add_db_record"]).kind == "DuplicateRecord"
    assert_at_least(await pauses(stage.app, jobs["add_db_record"]), [15, 30, 60, 120])
    assert_failed_by(jobs["sync_db_status"], jobs["add_db_record"])
    assert stage.stage.dns.zone() == [{"name": duplicate.name, "type": "A", "value": "192.0.2.7"}]
    row = stage.service.records.find(duplicate.name)
    assert row is not None
    assert row.value == "192.0.2.99"


async def test_s7_an_unknown_work_type_fails_at_the_first_attempt(stage: Play) -> None:
    steps = {"add_db_record": Step("failed", 1), "create_dns_record": Step("failed", 1)}
    expected = Ending({**steps, "check_dns_status": UNRUN, "sync_db_status": UNRUN}, row=None, is_in_zone=False)
    jobs = await stage.of(Scenario("S7", "", Faults(), expected, work_type="x"))
    for task in steps:
        assert failure(jobs[task]).reason == "the work type 'x' is unknown"
        assert failure(jobs[task]).cause == "unrecoverable"
        assert record(jobs[task]).attempts_made == 1
        assert await pauses(stage.app, jobs[task]) == []
    assert_failed_by(jobs["check_dns_status"], jobs["create_dns_record"])
    assert failure(jobs["sync_db_status"]).cause == "child-failed"
    assert stage.runs == {"add_db_record": 1, "create_dns_record": 1}


async def test_s8_a_child_too_few_fails_the_root_for_good(stage: Play) -> None:
    root = await stage.app.enqueue(stage.service.create("s8.students.example", "192.0.2.7"))
    async with stage.app.worker("db-record-update") as worker:
        await worker.run_until_idle()
    _, check = await root.children()
    await (await stage.app.get(check.job.queue, check.job.id)).remove(children=True)
    async with stage.app.worker() as worker:
        await worker.run_until_idle()
    record = await root.refresh()
    assert (record.state, record.attempts_made, record.children) == ("failed", 1, 1)
    assert record.failure is not None
    assert (record.failure.reason, record.failure.cause) == ("1 children have results, not 2", "unrecoverable")
    assert "in sync_db_status" in record.failure.trace
    assert stage.runs == {"add_db_record": 1, "sync_db_status": 1}


UPDATE = ("update_db_record", "update_dns_record", "check_update", "finish_update")
DELETE = ("delete_dns_record", "check_delete", "delete_db_record")


async def chain(stage: Play, root: headrace.Job[None], name: str) -> Ending:
    """What is left when a chain has come to its end."""
    async with stage.app.worker() as worker, asyncio.timeout(10):
        await worker.run_until_idle()
        await watch(stage.stage.console, stage.app, root)
    return await look(stage.service, stage.stage.dns, root, name)


def stopped_at(steps: tuple[str, ...], failed: int) -> dict[str, Step]:
    """The steps below the one that failed are done, those above it never ran."""
    return {
        step: DONE if number < failed else Step("failed", 5) if number == failed else UNRUN
        for number, step in enumerate(steps)
    }


@pytest.mark.parametrize("failed", [None, 0, 1, 2, 3], ids=["happy", *UPDATE])
async def test_s9_an_update_fails_at_a_step_and_above_it_and_nothing_below(stage: Play, failed: int | None) -> None:
    records, dns, name = stage.service.records, stage.stage.dns, "s9.students.example"
    if failed != 0:
        records.add(name, "192.0.2.1")
    dns.set_faults(Faults(down=failed == 1, never_in_sync=failed == 2))

    @stage.app.middleware
    async def lose(ctx: headrace.Context, call_next: Callable[[], Awaitable[Any]]) -> Any:
        if failed == 3 and ctx.job.name == "finish_update":
            await asyncio.to_thread(records.remove, name)
        return await call_next()

    ending = await chain(stage, await stage.app.enqueue(stage.service.update(name, "192.0.2.2")), name)
    status = {None: "active", 0: None, 1: "pending", 2: "pending", 3: None}[failed]
    assert dict(ending.jobs) == stopped_at(UPDATE, len(UPDATE) if failed is None else failed)
    assert ending.row == status
    assert ending.is_in_zone == (failed not in (0, 1))
    row = records.find(name)
    assert row is None or row.value == "192.0.2.2"
    assert all(
        stage.runs[step] == (5 if n == failed else n < (4 if failed is None else failed))
        for n, step in enumerate(UPDATE)
    )


@pytest.mark.parametrize("is_in_sync", [True, False], ids=["in sync", "never"])
async def test_s10_a_row_is_deleted_only_when_the_name_servers_know(stage: Play, is_in_sync: bool) -> None:
    records, dns, name = stage.service.records, stage.stage.dns, "s10.students.example"
    records.add(name, "192.0.2.1")
    dns.set_faults(Faults(never_in_sync=not is_in_sync))
    root = await stage.app.enqueue(stage.service.delete(name))
    ending = await chain(stage, root, name)
    assert dict(ending.jobs) == stopped_at(DELETE, len(DELETE) if is_in_sync else 1)
    assert ending.row == (None if is_in_sync else "pending")
    if not is_in_sync:
        await root.refresh()
        assert failure(root).cause == "child-failed"
        return
    again = await chain(stage, await stage.app.enqueue(stage.service.delete(name)), name)
    assert (dict(again.jobs), again.row) == (stopped_at(DELETE, len(DELETE)), None)


async def test_a_job_that_runs_again_is_known_to_the_provider_by_its_key(stage: Play) -> None:
    create = (await stage.ends(S1.expected, s1(stage.stage)))["create_dns_record"]
    async with stage.app.worker() as worker:
        await create.retry()
        await worker.run_until_idle()
    assert await create.result() == "C1"
    counters = stage.stage.dns.counters()
    assert (counters["accepted"], counters["duplicates"], counters["refused"]) == (1, 1, 0)


def test_the_demo_waits_long_enough_to_be_watched_and_not_longer() -> None:
    assert 2 < (60 + 120 + 15 + 30 + 60 + 120) * DEMO_SCALE < 5


def test_the_demo_shows_both_scenarios_within_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARCHART_SCALE", "0.001")
    command = [sys.executable, "-m", "examples.starchart.scenario"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    out = done.stdout.decode()
    assert max(map(len, out.splitlines())) <= 80
    assert all(sign.isprintable() or sign == "\n" for sign in out)
    for said in ("S1: ", "S4: ", "active -> delayed", "└── create_dns_record", "never run", "S4 teaches"):
        assert said in out


def test_the_other_scenarios_are_played_by_name_within_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARCHART_SCALE", "0.001")
    out = io.StringIO()
    assert demo(Console(file=out, width=80), [name for name in SCENARIOS if name not in DEMO + LONG]) == 0
    assert max(map(len, out.getvalue().splitlines())) <= 80
    others = [f"{name}: " for name in SCENARIOS if name not in DEMO + LONG]
    for said in (*others, "DuplicateRecord: ", "└── change_dns", "S18 teaches"):
        assert said in out.getvalue()


def test_the_demo_moves_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARCHART_SCALE", "0.001")
    monkeypatch.setenv("TERM", "xterm")
    out = io.StringIO()
    assert demo(Console(file=out, force_terminal=True, width=80), ("S1",)) == 0
    assert "\x1b[1A" in out.getvalue()
    assert "active -> completed" not in out.getvalue()


def test_the_demo_says_no_when_something_is_not_as_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARCHART_SCALE", "0.001")
    monkeypatch.setitem(S1.expected.jobs, "add_db_record", Step("completed", 2))
    out = io.StringIO()
    assert demo(Console(file=out, width=80), ("S1",)) == 1
    assert "WRONG" in out.getvalue()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--url", "redis://127.0.0.1:1", "S1", "S6B"], "S6B cannot be played on a server"),
        (["S99"], "there is no scenario S99; there are S1, S4, S1B, S6B, "),
    ],
)
def test_what_is_not_there_is_said(arguments: list[str], says: str) -> None:
    command = [sys.executable, "-m", "examples.starchart.scenario", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert says in done.stderr


@pytest.mark.parametrize("text", ["x", "0", "-1", "2", "nan"])
def test_a_scale_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("STARCHART_SCALE", text)
    with pytest.raises(ValueError, match="a number above 0, at most 1"):
        read_scale()


def test_what_a_terminal_cannot_be_trusted_with_is_escaped() -> None:
    assert plain("\x1b[31mred\nline \ud800") == r"\x1b[31mred\nline \ud800"
    assert plain("child q/0b5e9f1c-7a52-4c64-9a3e-3a4b5c6d7e8f failed") == "child q/0b5e9f1c failed"
