import asyncio
from pathlib import Path

import pytest

from examples.one_at_a_time.stock import Stock, make_stock


async def booked(stock: Stock, workers: int = 1) -> None:
    app = stock.app
    jobs = await app.enqueue_many(app.tasks["book"].call(product, 2) for _ in range(5) for product in stock.left)
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(app.worker(concurrency=5).run_until_idle())
    assert [await job.state() for job in jobs] == ["completed"] * len(jobs)


@pytest.mark.parametrize("workers", [1, 3])
async def test_no_order_is_lost_and_products_do_not_wait_for_each_other(tmp_path: Path, workers: int) -> None:
    stock = make_stock(f"sqlite:///{tmp_path}/jobs.db", {"lamp": 20, "chair": 20}, seconds=0.005)
    async with stock.app:
        await booked(stock, workers)
    assert stock.left == {"lamp": 10, "chair": 10}
    assert stock.crowds == {"lamp": 1, "chair": 1, "all": 2}


async def test_the_locks_are_given_back() -> None:
    stock = make_stock("memory://", {"lamp": 10}, seconds=0)
    async with stock.app as app:
        await booked(stock)
        assert [lock for lock in await app.locks.list() if lock.name.startswith("stock/")] == []
