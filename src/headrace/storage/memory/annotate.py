"""Annotate: progress, log lines, notes and data of a job."""

from typing import Any

import msgspec

from headrace.core.commands import Annotate, Annotated
from headrace.core.errors import DataTooLarge, LeaseLost, NoMatch, NoSuchJob, NotAnObject, Refused
from headrace.core.jobs import LINES_MAX
from headrace.storage.memory.journal import happened
from headrace.storage.memory.match import matches
from headrace.storage.memory.settle import leased
from headrace.storage.memory.world import World


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
    if command.patch is not None and not _is_object(data):
        return NotAnObject(queue=ref.queue, id=ref.id)
    patched = None if command.patch is None else _merged(data, command.patch)
    notes = None if command.notes is None else _merged(job.notes or "{}", command.notes)
    for what, merged in (("data", patched), ("notes", notes)):
        if merged is not None and command.bytes_max is not None and len(merged.encode()) > command.bytes_max:
            return DataTooLarge(what=what, queue=ref.queue, id=ref.id, limit=command.bytes_max)
    job.data = data if patched is None else patched
    job.notes = job.notes if notes is None else notes
    job.lines = [*job.lines, *command.lines][-LINES_MAX:]
    job.lines_count += len(command.lines)
    if command.progress is not None:
        job.progress = command.progress
        happened(world, job, now, "progress")
    return Annotated()


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except msgspec.DecodeError:
        return False


def _merged(text: str, more: str) -> str:
    return msgspec.json.encode(_patched(msgspec.json.decode(text), msgspec.json.decode(more))).decode()


def _patched(value: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged key by key, a null removes its key, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    patched = dict(value) if isinstance(value, dict) else {}
    for key, part in patch.items():
        if part is None:
            patched.pop(key, None)
        else:
            patched[key] = _patched(patched.get(key), part)
    return patched
