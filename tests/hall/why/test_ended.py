"""What `why` says of a job that has finished: what became of it, and what to do about it."""

import headrace
from headrace.core.commands import Recover
from headrace.core.outcomes import Done
from tests.hall.why.conftest import Mill, later

AGAIN = "retry it: headrace jobs retry q/1"


def failed(cause: str, reason: str, runs: str = "after 1 of 1 attempts") -> str:
    return f"it has failed at {later()} {runs} ({cause}): {reason}"


async def test_it_has_completed(mill: Mill) -> None:
    job = await mill.add()
    await mill.end(Done())
    assert await mill.why(job) == [
        f"it has completed at {later()}, with attempt 1; to run it again: headrace jobs retry q/1"
    ]


async def test_its_attempts_are_used_up(mill: Mill) -> None:
    job = await mill.add()
    await mill.fail("boom")
    assert await mill.why(job) == [f"{failed('error', 'boom')}; mend what it says, then {AGAIN}"]


async def test_its_handler_gave_up(mill: Mill) -> None:
    job = await mill.add(attempts=3)
    await mill.fail("no such zone", "unrecoverable")
    said = failed("unrecoverable", "no such zone", "after 1 of 3 attempts")
    assert await mill.why(job) == [f"{said}; mend what it says, then {AGAIN}"]


async def test_it_took_too_long(mill: Mill) -> None:
    job = await mill.add()
    await mill.fail("not done within 5 s", "timeout")
    advice = "find what it waits for, or give the task a larger timeout"
    assert await mill.why(job) == [f"{failed('timeout', 'not done within 5 s')}; {advice}, then {AGAIN}"]


async def test_it_was_cancelled(mill: Mill) -> None:
    job = await mill.add()
    await job.cancel("the customer has left")
    said = failed("cancelled", "the customer has left", "without having been run")
    assert await mill.why(job) == [f"{said}; if that was wrong, {AGAIN}"]


async def test_it_stalled_too_often(mill: Mill) -> None:
    await mill.worker("w-2")
    job = await mill.add(max_stalled=0)
    await mill.claim(lease_ms=0)
    await mill.run(Recover())
    await mill.end_deferred()
    advice = "look for what kills its workers: memory, a crash, a machine that slept"
    (said,) = await mill.why(job)
    assert said.endswith(f"(stalled): job stalled more than allowable limit; {advice}, then {AGAIN}")


async def test_its_child_failed_it(mill: Mill) -> None:
    queue = mill.app.queue("q")
    job = await mill.app.enqueue(queue.call("up").options(job_id="up").after(queue.call("down").options(job_id="down")))
    await mill.fail()
    await mill.end_deferred()
    assert (await mill.why(job))[0] == (
        f"{failed('child-failed', 'child q/down failed', 'without having been run')}; "
        "mend that, then retry what has failed: headrace flows retry q/up"
    )


async def test_its_data_does_not_fit(mill: Mill) -> None:
    @mill.app.task(queue="q")
    def work(count: int) -> None: ...

    job = await mill.add("work", {"count": "many"})
    await mill.app.worker().run_until_idle()
    (said,) = await mill.why(job)
    assert said.startswith(failed("invalid-data", "the data does not fit the task 'work': "))
    assert said.endswith(f"; give it other data (job.update), or mend the task, then {AGAIN}")


async def test_it_expired(mill: Mill) -> None:
    job = await mill.add(expires=5)
    mill.clock.tick(5)
    await mill.run(Recover())
    (said,) = await mill.why(job)
    assert " without having been run (expired): not started within 5 s; " in said
    assert said.endswith(f"start more workers, or let it expire later; if it is still wanted, {AGAIN}")


async def test_a_lock_was_held(mill: Mill) -> None:
    @mill.app.task(queue="q")
    async def work() -> None:
        async with mill.app.lock("billing", timeout=0):
            raise AssertionError

    job = await work.enqueue()
    async with mill.app.lock("billing"):
        await mill.app.worker().run_until_idle()
    assert (await mill.why(job))[1] == (
        "a lock that it needs was held by another; wait longer for it (timeout), or see by whom: headrace locks list"
    )


async def test_its_result_is_too_large(mill: Mill) -> None:
    @mill.app.task(queue="q")
    def work() -> str:
        return "x" * (mill.app.settings.data_max + 1)

    job = await work.enqueue()
    await mill.app.worker().run_until_idle()
    assert (await mill.why(job))[1] == "what it returned or added is too large; store that elsewhere and say where"


async def test_its_result_is_no_json(mill: Mill) -> None:
    @mill.app.task(queue="q")
    def work() -> object:
        return object()

    job = await work.enqueue()
    await mill.app.worker().run_until_idle()
    assert (await mill.why(job))[1] == (
        "what it returned or added cannot be written as JSON; let it return plain values"
    )


async def test_the_store_was_full(mill: Mill) -> None:
    """A disk that is full is made in tests/faults; here a handler says what it then would."""

    @mill.app.task(queue="q")
    def work() -> None:
        raise headrace.errors.StorageFull(problem="disk I/O error")

    job = await work.enqueue()
    await mill.app.worker().run_until_idle()
    assert (await mill.why(job))[1] == (
        "the store had no room for what it wanted to store; free some, and see: headrace doctor"
    )


async def test_a_queue_was_full(mill: Mill) -> None:
    @mill.app.task(queue="q")
    async def work() -> None:
        await mill.app.queue("other").add("x")

    await mill.app.queue("other").limit(max_waiting=0)
    job = await work.enqueue()
    await mill.app.worker().run_until_idle()
    assert (await mill.why(job))[1] == (
        "the queue to which it added a job was full; start more workers for that, or raise its max_waiting"
    )
