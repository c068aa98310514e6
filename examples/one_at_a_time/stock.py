"""Orders change the stock of a product. Of each product one order at a time is booked, of others as many as may be."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import headrace


@dataclass
class Stock:
    """The app, what is left of each product, and who was at it at once."""

    app: headrace.App
    left: dict[str, int]
    present: Counter[str] = field(default_factory=Counter)
    crowds: dict[str, int] = field(default_factory=dict)
    """The most orders that were booked at once, of each product and of all."""

    def enter(self, product: str) -> None:
        """Somebody begins to book."""
        for whose in (product, "all"):
            self.present[whose] += 1
            self.crowds[whose] = max(self.present[whose], self.crowds.get(whose, 0))

    def leave(self, product: str) -> None:
        """And ends."""
        self.present.subtract((product, "all"))


def make_stock(url: str, left: dict[str, int], *, seconds: float = 0.05) -> Stock:
    """An app that books orders, each in so many seconds."""
    app = headrace.App(url, settings=headrace.Settings())
    stock = Stock(app, dict(left))

    @app.task(queue="orders")
    async def book(product: str, count: int) -> str:
        async with app.lock(f"stock/{product}", timeout=60):
            stock.enter(product)
            seen = stock.left[product]
            await asyncio.sleep(seconds)  # whoever reads now reads what is about to be overwritten
            stock.left[product] = seen - count
            stock.leave(product)
            return f"{count} of {product}"

    return stock
