"""What happens to jobs when real worker processes are killed, stopped, frozen or kept busy."""

import asyncio
import signal
import time

import pytest

from headrace.core.commands import Move
from headrace.core.jobs import Failure
from tests.faults.ground import Ground
from tests.faults.site import site


async def test_a_job_whose_worker_was_killed_runs_again_when_its_lease_has_ended(ground: Ground) -> None:
    async with site(ground) as here:
        first = await here.mill()
        (ref,) = await here.add("nap", '{"ms":60000}')
        await here.until(ref, "active")
        first.kill()
        killed_at = time.monotonic()
        # The same job, killed at once again when it runs: what is measured is the start of the second run.
        await here.mill()
        while (await here.get(ref)).attempts_started < 2:
            assert time.monotonic() < killed_at + here.lease_ms / 1000 + 2
            await asyncio.sleep(0.02)
        job = await here.get(ref)
        assert (job.stalls, job.attempts_made) == (1, 0)


async def test_a_job_that_survives_a_kill_is_done_once(ground: Ground) -> None:
    async with site(ground) as here:
        first = await here.mill()
        (ref,) = await here.add("nap", '{"ms":700}')
        await here.until(ref, "active")
        first.kill()
        await here.mill()
        job = await here.until(ref, "completed")
        await here.follow()
        assert (job.attempts_made, job.attempts_started, job.stalls) == (1, 2, 1)
        assert here.ends(ref.id) == ["completed"]


async def test_a_first_sigterm_lets_the_running_job_end_and_takes_no_other(ground: Ground) -> None:
    async with site(ground) as here:
        mill = await here.mill(concurrency=1)
        running, waiting = await here.add("nap", *['{"ms":600}'] * 2)
        await here.until(running, "active")
        mill.send(signal.SIGTERM)
        assert await mill.ended() == "stopped 1\n"
        assert mill.process.returncode == 0
        assert (await here.get(running)).state == "completed"
        assert (await here.get(waiting)).attempts_started == 0


@pytest.mark.parametrize("kind", ["nap", "doze"])
async def test_a_second_sigterm_hands_the_job_back_at_once_and_unburnt(ground: Ground, kind: str) -> None:
    async with site(ground, lease_ms=30_000) as here:
        mill = await here.mill()
        (ref,) = await here.add(kind, '{"ms":60000}')
        await here.until(ref, "active")
        mill.send(signal.SIGTERM)
        await asyncio.sleep(0.1)
        began = time.monotonic()
        mill.send(signal.SIGTERM)
        job = await here.until(ref, "waiting", timeout_s=1)
        assert (job.attempts_made, job.stalls, job.failures) == (0, 0, ())
        assert await mill.ended() == "stopped 1\n"
        assert time.monotonic() - began < 3  # also when the thread sleeps on
        assert mill.process.returncode == 0


async def test_a_handler_that_keeps_the_loop_busy_for_three_leases_runs_once(ground: Ground) -> None:
    async with site(ground) as here:
        await here.mill()
        await here.mill()
        (ref,) = await here.add("hog", '{"ms":3500}')
        job = await here.until(ref, "completed")
        assert (job.attempts_started, job.stalls) == (1, 0)


@pytest.mark.parametrize("kind", ["nap", "doze"])
async def test_a_cancellation_reaches_another_process_soon(ground: Ground, kind: str) -> None:
    async with site(ground, lease_ms=300_000) as here:  # by the renewal it would hear of it in a hundred seconds
        await here.mill()
        (ref,) = await here.add(kind, '{"ms":60000}')
        await here.until(ref, "active")
        await here.store.run(Move((ref,), "cancel", failure=Failure("not wanted", "cancelled")))
        job = await here.until(ref, "failed", timeout_s=20)
        assert job.failure is not None
        assert job.failure.cause == "cancelled"


async def test_a_frozen_worker_that_wakes_after_its_lease_cannot_record_its_outcome(ground: Ground) -> None:
    async with site(ground) as here:
        frozen = await here.mill()
        (ref,) = await here.add("nap", '{"ms":1000}')
        await here.until(ref, "active")
        await asyncio.sleep(0.2)  # who is frozen in the middle of a transaction keeps SQLite from all others
        frozen.send(signal.SIGSTOP)
        awake = await here.mill()
        job = await here.until(ref, "completed")
        frozen.send(signal.SIGCONT)
        (canary,) = await here.add("nap", '{"ms":1}')
        await here.until(canary, "completed")
        awake.send(signal.SIGTERM)
        frozen.send(signal.SIGTERM)
        await awake.ended()
        await frozen.ended()
        await here.follow()
        assert job.result == str(awake.process.pid)
        assert await here.get(ref) == job
        assert here.ends(ref.id) == ["completed"]


async def test_a_job_that_kills_its_process_fails_after_its_stalls_and_the_others_are_done(ground: Ground) -> None:
    async with site(ground) as here:
        (pill,) = await here.add("crash", "{}", max_stalled=1)
        others = await here.add("nap", *['{"ms":1}'] * 20)
        for _ in range(2):
            mill = await here.mill()
            await mill.ended()
            assert mill.process.returncode == -signal.SIGKILL
        await here.mill()
        job = await here.until(pill, "failed")
        assert job.failure is not None
        assert (job.failure.cause, job.stalls, job.attempts_started) == ("stalled", 2, 3)
        for ref in others:
            await here.until(ref, "completed")
