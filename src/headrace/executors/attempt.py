"""What a call returned or raised, as a value: to be handed to whoever waits for it elsewhere."""

from types import TracebackType
from typing import Any


class Attempt:
    """`with attempt: attempt.result = call()` keeps what the call raises, whatever it is, and lets nothing pass."""

    __slots__ = ("error", "result")

    def __init__(self) -> None:
        self.result: Any = None
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error
        return True
