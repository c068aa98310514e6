"""The names of what can be waited for, and of the logs: one spelling, used by stores and engine alike."""

import zlib
from typing import Final

CONTROL: Final = "control"  # moves when a running job is asked to stop, or a worker is
SCHEDULES: Final = "schedules"  # moves when a schedule was put

LOCKS: Final = 64
ORDERS: Final = "control/orders"  # the channel of what workers are told
ANSWERS: Final = "control/answers"  # and of what they say to that


def ready(queue: str) -> str:
    """The topic that moves when `queue` may have a job to claim, or a nearer due time."""
    return f"ready/{queue}"


def log(channel: str) -> str:
    """The topic that moves when `channel` has new entries."""
    return f"log/{channel}"


def lock(name: str) -> str:
    """The topic that moves when this lock may have become free. Locks share a few, because stores keep each topic."""
    return f"lock/{zlib.crc32(name.encode()) % LOCKS}"


def job_events(queue: str) -> str:
    """The channel to which every transition of a job of `queue` is appended."""
    return f"jobs/{queue}"
