"""A clock that stands still until a test moves it."""


class FrozenClock:
    """Gives the same millisecond until it is advanced."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now

    def advance(self, ms: int) -> None:
        self.now += ms
