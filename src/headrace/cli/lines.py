"""The lines that a job logs, to the end or as they come."""

from headrace.app import App
from headrace.cli import output
from headrace.cli.failure import say
from headrace.cli.store import ask
from headrace.core import topics
from headrace.core.commands import Get, Lines
from headrace.core.errors import NoSuchJob
from headrace.core.jobs import FINISHED, JobRef

PAGE = 1_000
POLL_MS = 300  # a log line is no event; the end of the job is one, and is seen at once


async def printed(store: App, job: JobRef, number: int, is_json: bool) -> int:
    """Print the lines from this number on; the number of the next one."""
    while True:
        page = await ask(store, Lines(job, number, PAGE))
        if page.first > number and page.lines:
            say(f"{page.first - number} lines are gone; a job keeps its last ones only")
        number = max(number, page.first)
        for line in page.lines:
            if is_json:
                output.json_line({"number": number, "line": line})
            else:
                output.line(line)
            number += 1
        if len(page.lines) < PAGE:
            return number


async def follow(store: App, job: JobRef, number: int, is_json: bool) -> None:
    """Print new lines as they come, until the job has finished; `NoSuchJob` if it is removed before that is seen."""
    topic = topics.log(topics.job_events(job.queue))
    while True:
        # The state first: what a finished job has logged is all there.
        (record,) = (await ask(store, Get((job,)))).jobs
        if record is None:
            raise NoSuchJob(queue=job.queue, id=job.id)
        number = await printed(store, job, number, is_json)
        if record.state in FINISHED:
            say(f"{job} has {record.state}")
            return
        await store.storage.wait([topic], POLL_MS)
