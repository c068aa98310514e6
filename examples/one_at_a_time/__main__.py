"""`python -m examples.one_at_a_time`: ten orders of two products, and ten workers' hands."""

import asyncio
from tempfile import TemporaryDirectory

from examples.one_at_a_time.stock import make_stock


async def main(url: str) -> None:
    """Add the orders, book them all, and count."""
    stock = make_stock(url, {"lamp": 20, "chair": 20})
    async with stock.app as app, app.worker(concurrency=10):
        book = app.tasks["book"]
        jobs = await app.enqueue_many(book.call(product, 2) for _ in range(5) for product in stock.left)
        for job in jobs:
            await job.result(timeout=30)
    for product, left in stock.left.items():
        print(f"{product:6} {left} left; at most {stock.crowds[product]} order at once")
    print(f"of all products {stock.crowds['all']} at once")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        asyncio.run(main(f"sqlite:///{folder}/headrace.db"))
