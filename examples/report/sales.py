"""Two tasks and the flow of them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import headrace

Source: TypeAlias = Callable[[str], Decimal]
"""What a place sold in a month; it may raise."""


@dataclass
class Sales:
    """What one source said."""

    place: str
    amount: Decimal


@dataclass
class Reports:
    """The app, and how to ask for the report of a month."""

    app: headrace.App
    flow: Callable[[str], headrace.Call[str]]
    asked: Counter[str]


def make_reports(url: str, sources: Mapping[str, Source], *, pause: float = 60) -> Reports:
    """An app that reads these sources, with this pause after a failed attempt."""
    app = headrace.App(url, settings=headrace.Settings())
    asked: Counter[str] = Counter()

    @app.task(queue="sources", attempts=5, backoff=headrace.Exponential(pause, max=3600))
    def read_sales(place: str, month: str) -> Sales:
        asked[place] += 1
        return Sales(place, sources[place](month))

    @app.task(queue="reports")
    async def make_report(month: str) -> str:
        found = await headrace.context().children(read_sales)
        rows = [*found, Sales("together", sum((sales.amount for sales in found), Decimal(0)))]
        return "\n".join([f"Sales of {month}", *(f"  {row.place:10} {row.amount:>8}" for row in rows)])

    def flow(month: str) -> headrace.Call[str]:
        reads = [read_sales.call(place, month) for place in sources]
        return make_report.call(month).options(job_id=f"sales-{month}").after(*reads)

    return Reports(app, flow, asked)
