"""Headrace: a durable job queue for Python."""

from typing import TYPE_CHECKING, Any

from headrace import errors
from headrace.app import App
from headrace.arguments import from_child
from headrace.backoff import Exponential, Fixed
from headrace.call import Call
from headrace.core.jobs import Failure, JobRecord, JobRef, State
from headrace.core.log import Gap
from headrace.core.outcomes import Later, RateLimited, Unrecoverable, WaitForChildren
from headrace.core.settings import Retention, Settings
from headrace.engine.context import Context
from headrace.engine.context import current as context
from headrace.events import Event
from headrace.job import Job
from headrace.limits import Capacity, Limits, Rate
from headrace.queue import Queue
from headrace.selection import Page, Selection
from headrace.spans import Keep
from headrace.sweep import Swept
from headrace.task import Task

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
    "Call",
    "Capacity",
    "Context",
    "Event",
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
    "Page",
    "Queue",
    "Rate",
    "RateLimited",
    "Retention",
    "Selection",
    "Settings",
    "State",
    "Swept",
    "Task",
    "Unrecoverable",
    "WaitForChildren",
    "Worker",
    "context",
    "errors",
    "from_child",
]
