"""What a task says of the process that runs its jobs, checked: `recycle`, `memory_max`, `kill_after`."""

from collections.abc import Mapping
from typing import Any, Final

from headrace.core.errors import InvalidOption
from headrace.executors.limits import Limits
from headrace.spans import count_of, span_ms

LIMIT_OPTIONS: Final = ("recycle", "memory_max", "kill_after")
RECYCLE_MAX: Final = 1 << 31
MEMORY_MIN: Final = 64 << 20  # an app that does nothing needs about as much
MEMORY_MAX: Final = 1 << 50
KILL_AFTER_MAX_MS: Final = 3_600_000


def limits_of(given: Mapping[str, Any], executor: str) -> Limits:
    """The limits of a task; `InvalidOption` if one is out of bounds, or there is no process that it could bind."""
    if executor != "process" and given:
        raise InvalidOption(f'{next(iter(given))} is for tasks with executor="process"', option=next(iter(given)))
    recycle, memory_max, kill_after = (given.get(name) for name in LIMIT_OPTIONS)
    return Limits(
        None if recycle is None else count_of("recycle", recycle, 1, RECYCLE_MAX),
        None if memory_max is None else count_of("memory_max", memory_max, MEMORY_MIN, MEMORY_MAX),
        Limits().kill_after_ms if kill_after is None else span_ms("kill_after", kill_after, KILL_AFTER_MAX_MS),
    )
