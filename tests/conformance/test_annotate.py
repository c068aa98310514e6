"""Annotate: progress, log lines, notes and data of a job."""

import json
from typing import Any

import pytest

from headrace.core.commands import Annotate, Lines
from headrace.core.errors import LeaseLost, NoSuchJob
from headrace.core.log import Change

from .clock import FrozenClock
from .desk import Desk, done, failed, new, ref


async def notes(desk: Desk) -> Any:
    return json.loads((await desk.record(ref("1"))).notes or "null")


async def test_progress_replaces_and_is_an_event(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.annotate(job, progress="10")
    await desk.annotate(job, progress='{"done": 20}')
    assert (await desk.record(job)).progress == '{"done": 20}'
    assert (await desk.changes(job))[1:] == [Change("progress"), Change("progress")]


async def test_nothing_else_is_an_event(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.annotate(job, lines=("x",), notes="{}", data="1")
    assert len(await desk.changes(job)) == 1


async def test_data_replaces_byte_for_byte(desk: Desk) -> None:
    (job,) = await desk.add(new(data="1"))
    await desk.annotate(job, data='{"b":1,  "a":2}')
    assert (await desk.record(job)).data == '{"b":1,  "a":2}'


async def test_what_is_not_given_stays(desk: Desk) -> None:
    (job,) = await desk.add(new(data="1"))
    await desk.annotate(job, progress="5", notes='{"a":1}', lines=("x",))
    await desk.annotate(job)
    await desk.annotate(job, data="2")
    record = await desk.record(job)
    assert (record.data, record.progress, await notes(desk)) == ("2", "5", {"a": 1})
    assert (await desk.run(Lines(job))).lines == ("x",)


async def test_notes_are_merged_and_a_null_removes_its_key(desk: Desk) -> None:
    (job,) = await desk.add(new())
    assert (await desk.record(job)).notes is None
    await desk.annotate(job, notes='{"a":1,"b":{"x":1,"y":2},"gone":null}')
    assert await notes(desk) == {"a": 1, "b": {"x": 1, "y": 2}}
    await desk.annotate(job, notes='{"a":null,"b":{"y":null,"z":[1,null]},"c":"ü"}')
    assert await notes(desk) == {"b": {"x": 1, "z": [1, None]}, "c": "ü"}
    await desk.annotate(job, notes='{"b":null,"c":null}')
    assert await notes(desk) == {}


async def test_a_worker_annotates_under_its_lease(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new())
    lease = await desk.claim_one(lease_ms=10)
    await desk.annotate(job, token=lease.token, progress="1")
    clock.advance(10)
    await desk.annotate(job, token=lease.token, progress="2")
    assert (await desk.record(job)).progress == "2"


@pytest.mark.parametrize("loss", ["wrong token", "finished", "recovered", "removed", "never there"])
async def test_a_worker_whose_lease_is_lost_annotates_nothing(desk: Desk, clock: FrozenClock, loss: str) -> None:
    (job,) = await desk.add(new())
    lease = await desk.claim_one(lease_ms=10)
    clock.advance(10)
    if loss == "recovered":
        await desk.recover()
    if loss in {"finished", "removed"}:
        await desk.settle(done(lease))
    if loss == "removed":
        await desk.remove(job)
    job = ref("nobody") if loss == "never there" else job
    token = "wrong" if loss == "wrong token" else lease.token
    command = Annotate(job, token, progress="1", lines=("x",), notes='{"a":1}', data="2")
    assert await desk.refusal(command) == LeaseLost(queue="q", id=job.id)
    if loss not in {"removed", "never there"}:
        record = await desk.record(job)
        assert (record.progress, record.notes, record.data) == (None, None, "{}")


async def test_only_a_job_that_exists_can_be_annotated(desk: Desk) -> None:
    await desk.add(new())
    assert await desk.refusal(Annotate(ref("9"), progress="1")) == NoSuchJob(queue="q", id="9")
    assert await desk.refusal(Annotate(ref("1", "r"))) == NoSuchJob(queue="r", id="1")


async def test_annotations_outlive_runs_and_can_be_made_in_any_state(desk: Desk) -> None:
    (job,) = await desk.add(new(attempts=2, delay_ms=0))
    await desk.annotate(job, notes='{"a":1}')
    await desk.settle(failed(await desk.claim_one()))
    await desk.annotate(job, progress="1")
    await desk.finish()
    await desk.annotate(job, notes='{"b":2}')
    await desk.move("retry", job)
    assert (await desk.record(job)).progress == "1"
    assert await notes(desk) == {"a": 1, "b": 2}
