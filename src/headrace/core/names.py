"""The rules for names and ids, checked where a value enters the system, before anything is written.

The reserved ids are the key suffixes of BullMQ's layout: on Redis a job of such an id would overwrite the queue.
"""

import re
from typing import Final

from headrace.core.errors import InvalidId, InvalidName

QUEUE_MAX: Final = 200  # bytes
NAME_MAX: Final = 512  # bytes
ID_MAX: Final = 256  # bytes
OWN_LOCKS: Final = "headrace-"  # how the names of the engine's own locks begin

RESERVED_IDS: Final = frozenset(
    "active wait waiting-children paused id delayed prioritized stalled-check completed failed stalled repeat "
    "limiter meta events pc marker de dn delay priority metrics".split()
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")


def check_queue(name: str) -> str:
    """The name of a queue, if it may be one: no `:`, `/`, `#`, `+` or control character, braces balanced."""
    problem = _text_problem(name, QUEUE_MAX) or _queue_problem(name)
    if problem:
        raise InvalidName(what="the queue name", value=name, problem=problem)
    return name


def check_name(name: str) -> str:
    """The name of a job, if it may be one: any text up to 512 bytes without control characters."""
    problem = _text_problem(name, NAME_MAX)
    if problem:
        raise InvalidName(what="the job name", value=name, problem=problem)
    return name


def check_schedule(name: str) -> str:
    """The name of a schedule, if it may be one: any text up to 512 bytes without control characters."""
    problem = _text_problem(name, NAME_MAX)
    if problem:
        raise InvalidName(what="the name of the schedule", value=name, problem=problem)
    return name


def check_lock(name: str) -> str:
    """The name of a lock, if it may be one: as the name of a job, and not one of those that workers use."""
    problem = _text_problem(name, NAME_MAX)
    if not problem and name.startswith(OWN_LOCKS):
        problem = f"begins with {OWN_LOCKS!r}; those are the locks of the workers. Choose another"
    if problem:
        raise InvalidName(what="the lock name", value=name, problem=problem)
    return name


def check_id(job_id: str) -> str:
    """A custom job id, if it may be one: not an integer, not reserved, no `:` unless it has the form `a:b:c`."""
    problem = _text_problem(job_id, ID_MAX) or _id_problem(job_id)
    if problem:
        raise InvalidId(value=job_id, problem=problem)
    return job_id


def check_dedup_key(key: str) -> str:
    """A dedup key, if it may be one: any text up to 256 bytes without control characters."""
    problem = _text_problem(key, ID_MAX)
    if problem:
        raise InvalidName(what="the dedup key", value=key, problem=problem)
    return key


def _text_problem(text: object, limit: int) -> str | None:
    if not isinstance(text, str):
        return f"is not text but {type(text).__name__}"
    if not text.strip():
        return "is empty"
    if _CONTROL.search(text):
        return "has control characters; remove them"
    if len(text.encode()) > limit:
        return f"is longer than {limit} bytes; shorten it"
    return None


def _queue_problem(name: str) -> str | None:
    for sign in ":/#+":
        if sign in name:
            return f"has a {sign!r}, which separates names; leave it out"
    if name != name.strip():
        return "begins or ends with a space; strip it"
    return None if _is_balanced(name) else "has unbalanced braces"


def _is_balanced(name: str) -> bool:
    depth = 0
    for sign in name:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    return depth == 0


def _id_problem(job_id: str) -> str | None:
    if _INTEGER.fullmatch(job_id):
        return "is an integer; those are given by the queue itself. Put a letter in front"
    if job_id in RESERVED_IDS or job_id.startswith("0:"):
        return "is reserved; choose another"
    parts = job_id.split(":")
    if len(parts) > 1 and (len(parts) != 3 or not all(parts)):
        return "has a ':'; only the form a:b:c may have any"
    return None
