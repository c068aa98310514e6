"""Annotate: progress, log lines, notes and data of a job."""

import json
from typing import Any

import pytest

from headrace.core.commands import Annotate, Annotated, Lines
from headrace.core.errors import DataTooLarge, LeaseLost, NoMatch, NoSuchJob, NotAnObject
from headrace.core.jobs import JobRef
from headrace.core.log import Change
from headrace.core.query import parse

from .clock import FrozenClock
from .desk import Desk, done, failed, new, ref


async def notes(desk: Desk) -> Any:
    return json.loads((await desk.record(ref("1"))).notes or "null")


async def data(desk: Desk, job: JobRef) -> Any:
    return json.loads((await desk.record(job)).data)


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


async def test_a_patch_is_merged_into_the_data_and_a_null_removes_its_key(desk: Desk) -> None:
    (job,) = await desk.add(new(data='{"a":1,"b":{"x":1,"y":2},"c":[1,2],"ü":"stays"}'))
    await desk.annotate(job, patch='{"a":{"new":null,"z":2},"b":{"y":null,"z":[1,null]},"c":[3],"gone":null}')
    assert await data(desk, job) == {"a": {"z": 2}, "b": {"x": 1, "z": [1, None]}, "c": [3], "ü": "stays"}
    await desk.annotate(job, patch='{"a":null,"b":null,"c":null,"ü":null}')
    assert await data(desk, job) == {}
    await desk.annotate(job, patch='{"d":1}')
    await desk.annotate(job, patch="{}", notes='{"by":"me"}')
    assert (await data(desk, job), await notes(desk)) == ({"d": 1}, {"by": "me"})


async def test_a_patch_that_comes_with_data_is_merged_into_it(desk: Desk) -> None:
    (job,) = await desk.add(new(data="1"))
    await desk.annotate(job, data='{"a":1,"b":2}', patch='{"b":3}')
    assert await data(desk, job) == {"a": 1, "b": 3}
    await desk.annotate(job, data='{"a":1}', patch='{"c":4}')
    assert await data(desk, job) == {"a": 1, "c": 4}


async def test_what_is_merged_has_at_most_so_many_bytes(desk: Desk) -> None:
    (job,) = await desk.add(new(data='{"a":"ü"}'))
    await desk.annotate(job, patch='{"b":"1234"}', bytes_max=21)  # {"a":"ü","b":"1234"}
    for patch in ('{"b":"12345"}', '{"c":1}'):
        refused = DataTooLarge(what="data", queue="q", id="1", limit=21)
        assert await desk.refusal(Annotate(job, patch=patch, notes='{"n":1}', progress="1", bytes_max=21)) == refused
    assert (await data(desk, job), await notes(desk)) == ({"a": "ü", "b": "1234"}, None)
    assert (await desk.record(job)).progress is None
    await desk.annotate(job, patch='{"b":null,"c":1}', bytes_max=21)
    await desk.annotate(job, data='{"d":"0123456789"}', patch='{"e":1}', notes='{"n":1}', bytes_max=24)
    assert await data(desk, job) == {"d": "0123456789", "e": 1}
    refused = DataTooLarge(what="notes", queue="q", id="1", limit=12)
    assert await desk.refusal(Annotate(job, notes='{"m":22}', bytes_max=12)) == refused
    await desk.annotate(job, notes='{"m":2}', bytes_max=13)
    assert await notes(desk) == {"n": 1, "m": 2}
    await desk.annotate(job, patch='{"f":"what nobody bounds"}', progress="2")


async def test_a_worker_is_given_patched_data(desk: Desk) -> None:
    (job,) = await desk.add(new(data='{"a":1}'))
    await desk.annotate(job, patch='{"b":2}')
    assert json.loads((await desk.claim_one()).data) == {"a": 1, "b": 2}


@pytest.mark.parametrize("text", ["[1]", "1", "null", '"text"', "no JSON", ""])
async def test_only_an_object_is_patched(desk: Desk, text: str) -> None:
    (job,) = await desk.add(new(data=text))
    refused = NotAnObject(queue="q", id="1")
    assert await desk.refusal(Annotate(job, progress="1", notes='{"a":1}', lines=("x",), patch='{"b":2}')) == refused
    record = await desk.record(job)
    assert (record.data, record.notes, record.progress) == (text, None, None)
    assert await desk.refusal(Annotate(job, data="[2]", patch="{}")) == refused
    assert (await desk.record(job)).data == text
    await desk.annotate(job, data="{}")
    assert await desk.refusal(Annotate(job, data=text, patch="{}")) == refused


async def test_a_job_that_does_not_fit_is_left_alone(desk: Desk) -> None:
    fits, differs = await desk.add(new(data='{"a":1}'), new(data='{"a":2}'))
    where = parse("waiting data.a:1")
    mark = {"progress": "1", "lines": ("x",), "notes": '{"n":1}', "patch": '{"b":1}', "where": where}
    assert await desk.refusal(Annotate(differs, **mark)) == NoMatch(queue="q", id="2")
    record = await desk.record(differs)
    assert (record.progress, record.notes, record.data) == (None, None, '{"a":2}')
    assert (await desk.run(Lines(differs))).lines == ()
    await desk.annotate(fits, **mark)
    assert await data(desk, fits) == {"a": 1, "b": 1}
    await desk.annotate(fits, patch='{"a":3}', where=where)
    assert await desk.refusal(Annotate(fits, **mark)) == NoMatch(queue="q", id="1")


async def test_that_a_job_does_not_fit_is_said_before_what_is_wrong_with_it(desk: Desk) -> None:
    (job,) = await desk.add(new(data="[]"))
    assert await desk.refusal(Annotate(job, patch="{}", where=parse("failed"))) == NoMatch(queue="q", id="1")
    assert await desk.refusal(Annotate(ref("9"), where=parse("failed"))) == NoSuchJob(queue="q", id="9")
    assert await desk.refusal(Annotate(job, "t", where=parse("failed"))) == LeaseLost(queue="q", id="1")


async def test_each_of_many_stands_or_falls_alone(desk: Desk) -> None:
    jobs = await desk.add(new(data='{"a":1}'), new(data='{"a":2}'), new(data='{"a":1}'))
    replies = await desk.store.run(*(Annotate(job, patch='{"a":2}', where=parse("data.a:1")) for job in jobs))
    assert replies == (Annotated(), NoMatch(queue="q", id="2"), Annotated())
    assert [await data(desk, job) for job in jobs] == [{"a": 2}] * 3


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
