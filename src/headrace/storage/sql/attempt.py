"""What may go wrong in SQLite, and what it means for who waits."""

import errno
import os
from types import TracebackType
from typing import Final

import apsw

from headrace.core.errors import Unavailable

FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # no room: on the disk, for this user, in one file


class Attempt:
    """A context in which anything may go wrong: the error is kept for the caller, who waits on the other side.

    A lane outlives every failure; only what ends the interpreter ends it.
    """

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> None:
        self.error = None

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> bool:
        self.error = _translated(error) if isinstance(error, Exception) else None
        return self.error is not None


def full(error: apsw.Error, db: apsw.Connection) -> str | None:
    """Why there was no room for a write, if that is what the error says. The failed statement has undone itself."""
    if isinstance(error, apsw.FullError):
        return str(error)
    number = db.system_errno
    is_full = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_WRITE and number in FULL
    return os.strerror(number) if is_full else None


def _translated(error: Exception) -> Exception:
    """SQLite's own errors mean that the store did not answer; all others are our mistakes and stay what they are."""
    if isinstance(error, apsw.Error):
        translated = Unavailable(problem=str(error) or type(error).__name__)
        translated.__cause__ = error
        return translated
    return error
