"""Between rows and records: the few shapes that more than one command reads or writes."""

from functools import lru_cache
from typing import Any, Final

import msgspec

from headrace.core.jobs import DEFAULTS, Failure, JobRecord, Options, Parent

_failure_decoder: Final = msgspec.json.Decoder(Failure)
_failures_decoder: Final = msgspec.json.Decoder(tuple[Failure, ...])
_options_decoder: Final = msgspec.json.Decoder(Options)


@lru_cache(maxsize=1024)
def options(text: str | None) -> Options:
    """Stored options; the same text gives the same value, decoded once."""
    return DEFAULTS if text is None else _options_decoder.decode(text)


@lru_cache(maxsize=1024)
def options_text(value: Options) -> str | None:
    """Options as they are stored: None for the defaults, which most jobs have."""
    return None if value == DEFAULTS else msgspec.json.encode(value).decode()


def failure(text: str | None) -> Failure | None:
    """A stored failure."""
    return None if text is None else _failure_decoder.decode(text)


def record(row: tuple[Any, ...]) -> JobRecord:
    """A row of the view `records`, in the order of `get.sqlite.sql`."""
    parent = Parent(row[22], row[23], row[24]) if row[22] is not None else None
    return JobRecord(
        queue=row[0],
        id=row[1],
        name=row[2],
        state=row[3],
        data=row[4],
        options=options(row[5]),
        priority=row[6],
        added_at=row[7],
        attempts_made=row[8],
        attempts_started=row[9],
        stalls=row[10],
        due_at=row[11],
        started_at=row[12],
        finished_at=row[13],
        expires_at=row[14],
        worker=row[15],
        is_cancel_requested=bool(row[16]),
        progress=row[17],
        notes=row[18],
        result=row[19],
        failure=failure(row[20]),
        failures=_failures_decoder.decode(row[21]),
        parent=parent,
        children_pending=row[25],
        children=row[26],
    )
