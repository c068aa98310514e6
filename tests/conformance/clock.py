"""A clock that stands still until a test moves it."""

from headrace.testing.clock import FrozenClock

__all__ = ["FrozenClock"]
