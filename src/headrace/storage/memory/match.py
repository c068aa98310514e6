"""Which jobs fit a query."""

from headrace.core.query import Query
from headrace.storage import match
from headrace.storage.memory.world import Job, record


def matches(job: Job, where: Query | None, now: int) -> bool:
    return where is None or match.matches(record(job), where, now)
