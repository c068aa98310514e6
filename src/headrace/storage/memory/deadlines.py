"""Deadlines: when a job that nobody has started fails.

A deadline is noted when a job is added, or comes to another queue, and looked at once, when it has come (`expire.py`).
What became of the job meanwhile does not touch it.
"""

from bisect import insort

from headrace.core.lifecycle import deadline
from headrace.storage.memory.world import Job, World


def watch(world: World, job: Job) -> None:
    """Note the deadline of a job, if it has one."""
    end = deadline(job.options, job.added_at)
    if end is not None:
        insort(world.deadlines, (end, job.serial, job.ref))
