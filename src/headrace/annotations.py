"""What is attached to jobs by hand: checked, and written as JSON once, whether it is for one job or for many."""

from collections.abc import Mapping
from typing import Final

from headrace.client import Client
from headrace.core import codec
from headrace.core.commands import Annotate
from headrace.core.errors import InvalidOption
from headrace.core.jobs import JobRef

WHOEVER: Final = JobRef("", "")
"""Stands in a command until it is known which job is meant."""


def new_data(client: Client, data: object, job: JobRef = WHOEVER) -> Annotate:
    """Replace the data."""
    return Annotate(job, data=_json(client, "data", data, job))


def patch(client: Client, members: Mapping[str, object], job: JobRef = WHOEVER) -> Annotate:
    """Set some members of the data."""
    text = _json(client, "patch", _mapping("a patch", members), job)
    return Annotate(job, patch=text, bytes_max=client.settings.data_max)


def notes(client: Client, more: Mapping[str, object], job: JobRef = WHOEVER) -> Annotate:
    """Merge these notes into those that are there."""
    text = _json(client, "notes", _mapping("notes", more), job)
    return Annotate(job, notes=text, bytes_max=client.settings.data_max)


def _mapping(what: str, value: object) -> object:
    if not isinstance(value, Mapping):
        raise InvalidOption(f'{what} must be a mapping, such as {{"to": "ann"}}, not {type(value).__name__}')
    return value


def _json(client: Client, what: str, value: object, job: JobRef) -> str:
    of = "all jobs that fit" if job == WHOEVER else str(job)
    return codec.encode(value, f"the {what} of {of}", client.settings.data_max)
