"""What a task allows the process that runs its jobs."""

from msgspec import Struct


class Limits(Struct, frozen=True):
    """What a task allows its child process; None is without bound."""

    recycle: int | None = None  # jobs in the life of a process
    memory_max: int | None = None  # bytes of memory in use (resident)
    kill_after_ms: int = 5_000  # from the request to stop to the kill
