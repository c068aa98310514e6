"""Headrace: a durable job queue for Python."""

from typing import TYPE_CHECKING, Any

from headrace import errors
from headrace.app import App
from headrace.arguments import from_child
from headrace.backoff import Exponential, Fixed
from headrace.call import Call
from headrace.core.commands import DedupRecord, LockRecord, WorkerRecord
from headrace.core.jobs import Failure, JobRecord, JobRef, Slot, State
from headrace.core.log import Gap
from headrace.core.outcomes import Later, RateLimited, Unrecoverable, WaitForChildren
from headrace.core.schedules import ScheduleRecord
from headrace.core.settings import Retention, Settings
from headrace.dedup import Dedup
from headrace.engine.context import Context
from headrace.engine.context import current as context
from headrace.events import Event
from headrace.job import Job
from headrace.limits import Capacity, Limits, Rate
from headrace.lock import Lock, Locks
from headrace.queue import Queue
from headrace.schedule import Schedules
from headrace.selection import Page, Selection
from headrace.spans import Keep
from headrace.stats import AppStats, Stats
from headrace.sweep import Swept
from headrace.task import Task
from headrace.timing import Cron, Every
from headrace.workers import Workers

if TYPE_CHECKING:
    from headrace.worker import Worker
else:

    def __getattr__(name: str) -> Any:
        """`Worker` when it is asked for: who only adds jobs need not load what runs them."""
        if name == "Worker":
            from headrace.worker import Worker

            return Worker
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "App",
    "AppStats",
    "Call",
    "Capacity",
    "Context",
    "Cron",
    "Dedup",
    "DedupRecord",
    "Event",
    "Every",
    "Exponential",
    "Failure",
    "Fixed",
    "Gap",
    "Job",
    "JobRecord",
    "JobRef",
    "Keep",
    "Later",
    "Limits",
    "Lock",
    "LockRecord",
    "Locks",
    "Page",
    "Queue",
    "Rate",
    "RateLimited",
    "Retention",
    "ScheduleRecord",
    "Schedules",
    "Selection",
    "Settings",
    "Slot",
    "State",
    "Stats",
    "Swept",
    "Task",
    "Unrecoverable",
    "WaitForChildren",
    "Worker",
    "WorkerRecord",
    "Workers",
    "context",
    "errors",
    "from_child",
]
