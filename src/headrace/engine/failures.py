"""What is remembered of an exception: text, bounded, for people. Nothing of it is ever executed."""

import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

from headrace.core.errors import InvalidOption
from headrace.core.jobs import Cause, Failure

REASON_MAX: Final = 4 << 10  # bytes; the beginning is kept
TRACE_MAX: Final = 16 << 10  # bytes; the last lines are kept
FRAMES_MAX: Final = 50  # frames of each exception of a chain; the innermost are kept
OURS: Final = tuple(str(Path(__file__).parents[1] / folder) for folder in ("engine", "executors"))


def failure(error: BaseException, attempt: int, cause: Cause = "error") -> Failure:
    """Why an attempt failed, from what its handler raised."""
    kind = type(error).__name__
    return Failure(head(_said(error, kind)), cause, kind=kind, trace=_trace(error), attempt=attempt)


def cancelled(reason: object) -> Failure:
    """Why a job failed that somebody cancelled, in their words; `InvalidOption` if these are no text."""
    if not isinstance(reason, str):
        raise InvalidOption(f"reason is {type(reason).__name__}; it is text")
    return Failure(head(reason), "cancelled")


def head(text: str, limit: int = REASON_MAX) -> str:
    """The beginning of a text that any store can keep: no NUL, no half characters, at most `limit` bytes."""
    raw = text.replace("\0", "\ufffd").encode("utf-8", "replace")
    return raw[:limit].decode("utf-8", "ignore")


def tail(text: str, limit: int = TRACE_MAX) -> str:
    """The last whole lines of a text, at most `limit` bytes of them."""
    raw = text.replace("\0", "\ufffd").encode("utf-8", "replace")
    if len(raw) > limit:
        raw = raw[-limit:]
        raw = raw[raw.find(b"\n") + 1 :]
    return raw.decode("utf-8", "ignore")


def _said(error: BaseException, kind: str) -> str:
    """What `str(error)` says, or the name of its class; traceback formats it, for a `__str__` may raise itself."""
    if isinstance(error, SyntaxError):
        return error.msg or kind
    lines = traceback.TracebackException(type(error), error, None, compact=True)
    text = str(lines)
    return text if text.strip() else kind


def _trace(error: BaseException) -> str:
    return tail("".join(traceback.format_exception(type(error), error, _theirs(error.__traceback__), -FRAMES_MAX)))


def _theirs(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not ours, if there is one."""
    at = trace
    while at is not None and at.tb_frame.f_code.co_filename.startswith(OURS):
        at = at.tb_next
    return at or trace
