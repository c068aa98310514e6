"""Annotate: progress, log lines, notes and data of a job."""

from headrace.core.commands import Annotate, Annotated
from headrace.core.errors import DataTooLarge, LeaseLost, NoMatch, NoSuchJob, NotAnObject, Refused
from headrace.core.jobs import LINES_MAX
from headrace.storage.memory.journal import happened
from headrace.storage.memory.match import matches
from headrace.storage.memory.settle import leased
from headrace.storage.memory.world import World
from headrace.storage.merge import is_object, merged


def annotate(world: World, command: Annotate, now: int) -> Annotated | Refused:
    ref = command.job
    job = world.job(ref)
    if command.token is not None and not leased(world, ref, command.token):
        return LeaseLost(queue=ref.queue, id=ref.id)
    if job is None:
        return NoSuchJob(queue=ref.queue, id=ref.id)
    if not matches(job, command.where, now):
        return NoMatch(queue=ref.queue, id=ref.id)
    data = job.data if command.data is None else command.data
    if command.patch is not None and not is_object(data):
        return NotAnObject(queue=ref.queue, id=ref.id)
    patched = None if command.patch is None else merged(data, command.patch)
    notes = None if command.notes is None else merged(job.notes or "{}", command.notes)
    for what, text in (("data", patched), ("notes", notes)):
        if text is not None and command.bytes_max is not None and len(text.encode()) > command.bytes_max:
            return DataTooLarge(what=what, queue=ref.queue, id=ref.id, limit=command.bytes_max)
    job.data = data if patched is None else patched
    job.notes = job.notes if notes is None else notes
    job.lines = [*job.lines, *command.lines][-LINES_MAX:]
    job.lines_count += len(command.lines)
    if command.progress is not None:
        job.progress = command.progress
        happened(world, job, now, "progress")
    return Annotated()
