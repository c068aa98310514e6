"""Get: whole records."""

from headrace.core.commands import Get, Got
from headrace.core.jobs import Failure, JobRecord, Options, Parent

from .clock import FrozenClock
from .desk import LEASE_MS, Desk, child, failed, later, new, parent, pause, ref


async def test_asking_for_nothing_gives_nothing(desk: Desk) -> None:
    assert await desk.run(Get(())) == Got(())


async def test_each_job_asked_for_has_its_answer_in_order(desk: Desk) -> None:
    await desk.add(new(), new(id="a"), new(queue="r"))
    wanted = (ref("a"), ref("9"), ref("1"), ref("b"), ref("1", "nowhere"), ref("1", "r"), ref("a"))
    found = (await desk.run(Get(wanted))).jobs
    assert [record and (record.queue, record.id) for record in found] == [
        ("q", "a"),
        None,
        ("q", "1"),
        None,
        None,
        ("r", "1"),
        ("q", "a"),
    ]


async def test_the_number_of_a_job_with_a_custom_id_is_no_id(desk: Desk) -> None:
    await desk.add(new(id="a"))
    assert await desk.run(Get((ref("1"), ref("01"), ref("-1"), ref("0"), ref("")))) == Got((None,) * 5)


async def test_a_record_tells_the_whole_life_of_a_job(desk: Desk, clock: FrozenClock) -> None:
    start = clock.now
    options = Options(attempts=3, backoff=pause(50))
    await desk.add(parent("p"), child("p", queue="r", name="task", data="[1]", priority=4, options=options))
    job = ref("1", "r")
    clock.advance(10)
    await desk.settle(failed(await desk.claim_one("r")))
    failure = Failure("boom", attempt=1, at=clock.now)
    delayed = JobRecord(
        queue="r",
        id="1",
        name="task",
        state="delayed",
        data="[1]",
        options=options,
        priority=4,
        added_at=start,
        attempts_made=1,
        attempts_started=1,
        due_at=start + 60,
        failures=(failure,),
        parent=Parent("q", "p"),
    )
    assert await desk.record(job) == delayed
    clock.advance(50)
    lease = await desk.claim_one("r", worker="w")
    active = JobRecord(
        **{name: getattr(delayed, name) for name in JobRecord.__struct_fields__}
        | {
            "state": "active",
            "attempts_started": 2,
            "due_at": None,
            "started_at": clock.now,
            "expires_at": clock.now + LEASE_MS,
            "worker": "w",
        }
    )
    assert await desk.record(job) == active
    await desk.settle(later(lease, 5))
    record = await desk.record(job)
    assert (record.started_at, record.due_at, record.attempts_made) == (None, clock.now + 5, 1)


async def test_a_finished_job_remembers_the_start_of_its_last_run(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    clock.advance(5)
    await desk.finish()
    clock.advance(5)
    record = await desk.record(ref("1"))
    assert (record.started_at, record.finished_at) == (clock.now - 5, clock.now - 5)
