"""`python -m examples.report`: three sources, one of them shaky, and their report."""

import asyncio
from decimal import Decimal
from itertools import count
from tempfile import TemporaryDirectory

from examples.report.sales import Source, make_reports


def shaky(amount: str, failures: int) -> Source:
    """A source that does not answer the first few times."""
    times = count(1)

    def ask(_: str) -> Decimal:
        if next(times) <= failures:
            raise ConnectionError("the web shop does not answer")
        return Decimal(amount)

    return ask


async def main(url: str) -> None:
    """Add the flow, work until the report is there, and print it."""
    sources: dict[str, Source] = {
        "harbour": lambda _: Decimal("420.00"),
        "market": lambda _: Decimal("310.50"),
        "web shop": shaky("999.90", failures=2),
    }
    reports = make_reports(url, sources, pause=0.1)
    async with reports.app as app, app.worker():
        job = await app.enqueue(reports.flow("2030-05"))
        print(await job.result(timeout=30))
    print(f"the web shop was asked {reports.asked['web shop']} times")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        asyncio.run(main(f"sqlite:///{folder}/headrace.db"))
