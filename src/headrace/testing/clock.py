"""A clock that stands still until a test moves it."""

from datetime import timedelta
from typing import Final

from headrace.spans import Span

START: Final = 1_700_000_000_000
"""Where a frozen clock begins: an instant like any other, the same in every run."""


class FrozenClock:
    """The clock of a store, in milliseconds: the same instant until it is moved."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        """The milliseconds since 1970, as far as the store is concerned."""
        return self.now

    def tick(self, span: Span) -> None:
        """Move on by so many seconds, or a timedelta; back if negative. Nothing runs by itself because of it."""
        self.now += round((span.total_seconds() if isinstance(span, timedelta) else span) * 1000)

    def advance(self, ms: int) -> None:
        """As `tick`, in the milliseconds of commands."""
        self.now += ms
