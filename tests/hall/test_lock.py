"""Named locks, on each store: who waits, who is told what, and what stays behind."""

import asyncio
import time

import pytest

from headrace import App, Settings
from headrace.core.commands import Acquire, Release
from headrace.core.errors import Held, InvalidName, InvalidOption, LockLost
from headrace.storage.protocol import granted

PATIENCE_S = 10.0


async def owners(app: App, name: str = "l") -> list[str]:
    return [record.owner for record in await app.locks.list(name)]


async def test_a_lock_is_held_in_its_block_and_free_after_it(app: App) -> None:
    async with app.lock("l") as lock:
        assert (lock.name, lock.lost) == ("l", False)
        (record,) = await app.locks.list()
        assert (record.name, record.owner, record.fence) == ("l", lock.owner, lock.fence)
        assert record.expires_at - record.taken_at == 30_000
    assert await owners(app) == []


async def test_who_will_not_wait_is_told_who_holds_it_and_until_when(app: App) -> None:
    async with app.lock("l", ttl=60) as lock:
        with pytest.raises(Held) as caught:
            async with app.lock("l", timeout=0):
                pass
        (record,) = await app.locks.list()
        assert (caught.value.owner, caught.value.until_at) == (lock.owner, record.expires_at)
        assert caught.value.code == "held"
        assert lock.owner in str(caught.value)


async def test_a_wait_ends_at_its_timeout(app: App) -> None:
    async with app.lock("l"):
        with pytest.raises(Held):
            async with app.lock("l", timeout=0.01):
                pass


async def test_who_waits_is_woken_by_the_release(app: App) -> None:
    """The poll interval of this app is 30 s."""
    order: list[str] = []

    async def wait() -> None:
        async with app.lock("l") as lock:
            order.append(f"second {lock.fence > first.fence}")

    async with app.lock("l") as first:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        order.append("first")
    async with asyncio.timeout(PATIENCE_S):
        await task
    assert order == ["first", "second True"]


async def test_who_waits_gets_a_lock_that_expires_at_once(app: App) -> None:
    """Its owner is gone, nobody releases it, and the poll interval of this app is 30 s."""
    gone = granted(await app.storage.run(Acquire("l", "gone", 200)))
    async with asyncio.timeout(PATIENCE_S), app.lock("l") as lock:
        assert lock.fence > gone.fence
        assert await owners(app) == [lock.owner]


async def test_who_waits_in_another_store_on_the_file_is_woken_by_the_release(tmp_path: object) -> None:
    settings = Settings(url=f"sqlite:///{tmp_path}/headrace.db", poll=30.0)

    async def wait(app: App) -> int:
        async with app.lock("l") as lock:
            return lock.fence

    async with App(settings=settings) as one, App(settings=settings) as two, asyncio.timeout(PATIENCE_S):
        async with one.lock("l") as first:
            task = asyncio.create_task(wait(two))
            with pytest.raises(Held):
                async with two.lock("l", timeout=0.05):
                    pass
        assert await task > first.fence


async def test_never_more_than_the_limit_are_inside(app: App) -> None:
    inside, most, done = 0, 0, 0

    async def work() -> None:
        nonlocal inside, most, done
        async with app.lock("l", limit=3):
            inside += 1
            most = max(most, inside)
            for _ in range(3):
                await asyncio.sleep(0)
            inside -= 1
            done += 1

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(work() for _ in range(20)))
    assert (most, done) == (3, 20)
    assert await owners(app) == []


async def test_a_cancelled_waiter_leaves_nothing_behind(app: App) -> None:
    async def wait() -> None:
        async with app.lock("l"):
            pytest.fail("the lock was held")

    async with app.lock("l") as lock:
        for turns in range(20):
            task = asyncio.create_task(wait())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        assert await owners(app) == [lock.owner]
    assert await owners(app) == []


async def test_who_is_cancelled_while_the_store_grants_the_lock_gives_it_back(app: App) -> None:
    async def take() -> None:
        async with app.lock("l"):
            await asyncio.Event().wait()

    for turns in range(20):
        task = asyncio.create_task(take())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert await owners(app) == []


async def test_a_block_that_raises_gives_the_lock_back(app: App) -> None:
    with pytest.raises(ZeroDivisionError):
        async with app.lock("l"):
            raise ZeroDivisionError
    assert await owners(app) == []


async def test_who_lost_the_lock_is_told_at_the_end_of_the_block(app: App) -> None:
    with pytest.raises(LockLost, match="holds the lock 'l' no longer"):
        async with app.lock("l"):
            assert await app.locks.release("l") == 1


async def test_an_error_of_the_block_says_more_than_that_the_lock_was_lost(app: App) -> None:
    async def block() -> None:
        async with app.lock("l"):
            await app.locks.release("l")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await block()


async def test_a_release_by_hand_may_name_the_owner(app: App) -> None:
    async def block() -> None:
        async with app.lock("l", limit=2) as taken:
            assert await app.locks.release("l", "nobody") == 0
            assert await app.locks.release("l", taken.owner) == 1

    async with app.lock("l", limit=2) as kept:
        with pytest.raises(LockLost):
            await block()
        assert await owners(app) == [kept.owner]


async def test_the_owner_names_the_job_that_holds_it(app: App) -> None:
    @app.task
    async def bill() -> str:
        async with app.lock("l") as lock:
            return lock.owner

    job = await bill.enqueue()
    await app.worker().run_until_idle()
    assert (await job.result(timeout=0)).endswith(f" for default/{job.id}")


@pytest.mark.parametrize(
    ("ttl", "limit", "timeout"), [(0, 1, None), (30, 0, None), (30, 1, -1), (1e9, 1, 0), (30, 1.5, 0)]
)
async def test_wrong_numbers_are_refused(app: App, ttl: float, limit: int, timeout: float | None) -> None:
    with pytest.raises(InvalidOption):
        async with app.lock("l", ttl=ttl, limit=limit, timeout=timeout):
            pass


@pytest.mark.parametrize("name", ["", "a\n", "headrace-janitor", "x" * 600])
async def test_wrong_names_are_refused(app: App, name: str) -> None:
    with pytest.raises(InvalidName):
        async with app.lock(name):
            pass


async def test_it_is_renewed_until_the_block_ends(app: App) -> None:
    async with app.lock("l", ttl=0.3) as lock:
        (before,) = await app.locks.list()
        async with asyncio.timeout(PATIENCE_S):
            while (await app.locks.list())[0].expires_at <= before.expires_at + 300:
                await asyncio.sleep(0.01)
        assert not lock.lost


async def test_a_renewal_that_is_refused_tells_the_holder(app: App) -> None:
    async def block() -> None:
        async with app.lock("l", ttl=0.3) as lock:
            await app.storage.run(Release("l", lock.owner))
            async with asyncio.timeout(PATIENCE_S):
                while not lock.lost:
                    await asyncio.sleep(0.01)

    with pytest.raises(LockLost):
        await block()


def test_the_blocking_form_is_a_with_statement(tmp_path: object) -> None:
    with App(f"sqlite:///{tmp_path}/headrace.db") as app:
        with app.lock.sync("l", ttl=5) as lock:
            assert [record.owner for record in app.locks.list.sync()] == [lock.owner]
            with pytest.raises(Held), app.lock.sync("l", timeout=0):
                pass
        assert app.locks.list.sync() == []


async def test_a_block_that_keeps_the_loop_busy_keeps_the_lock(tmp_path: object) -> None:
    settings = Settings(url=f"sqlite:///{tmp_path}/headrace.db")
    async with App(settings=settings) as app, app.lock("l", ttl=0.3) as lock:
        end = time.monotonic() + 0.9
        while time.monotonic() < end:
            pass
        assert not lock.lost
        assert await owners(app) == [lock.owner]
