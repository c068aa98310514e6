"""BullMQ's job schedulers go on when one of our workers claims their job, as they do when one of Node's does.

The job of the next slot is added after the claim, before its answer is known: who dies in between leaves the chain to
whoever claims the job again. A job of an older slot adds nothing.
"""

import logging
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from headrace.core import cron
from headrace.core.schedule_errors import BadSchedule
from headrace.storage.redis.call import pack
from headrace.storage.redis.packing import Word

ADVANCE: Final = "advance"

_log: Final = logging.getLogger("headrace")
_encode: Final = msgspec.json.Encoder().encode


class _Repeat(Struct, frozen=True, rename="camel"):
    """How a job of a scheduler repeats, as BullMQ writes it into the options of the job."""

    pattern: str | None = None
    every: float | None = None
    tz: str | None = None
    count: float = 0
    limit: float | None = None
    offset: float | None = None
    start_date: float | None = None
    end_date: float | None = None


class _Options(Struct, frozen=True):
    repeat: _Repeat
    priority: float = 0
    lifo: bool = False
    de: dict[str, Any] = {}
    prev_millis: float = msgspec.field(name="prevMillis", default=0)


_options: Final = msgspec.json.Decoder(_Options)
_texts: Final = msgspec.json.Decoder(dict[str, Raw])


def advances(reply: Any) -> tuple[str, tuple[Word, ...]] | None:
    """What is still to be done for the schedulers of jobs that a claim handed out."""
    now, more = reply[0], reply[1]
    if not more or not (chains := more[1]):
        return None
    steps = [step for found in chains if (step := _step(found, now)) is not None]
    return (ADVANCE, (pack(steps),)) if steps else None


def _step(found: list[Any], now: int) -> tuple[object, ...] | None:
    queue, job_id, name, slot_text, every, offset, opts = found
    slot = int(slot_text)
    try:
        options = _options.decode(opts)
        at = _next_slot(options, slot, now, _integer(every), _integer(offset))
    except (msgspec.MsgspecError, BadSchedule) as error:
        _log.warning("the job scheduler %r of the queue %r adds no job after %s: %s", name, queue, job_id, error)
        return None
    if at is None:
        return None
    text = _opts(opts, options.repeat, name, at, now)
    return queue, name, slot, at, now, text, int(options.priority), options.lifo, options.de.get("id")


def _next_slot(options: _Options, slot: int, now: int, every: int | None, offset: int | None) -> int | None:
    """The slot after this one as Node finds it; None if this was the last."""
    repeat = options.repeat
    if repeat.limit is not None and repeat.count + 1 > repeat.limit:
        return None
    if repeat.end_date and now > repeat.end_date:
        return None
    every_ms = every or int(repeat.every or 0)
    if every_ms:
        return _next_of_every(slot, every_ms, now, int(offset or repeat.offset or 0))
    if repeat.pattern is None:
        return None
    after = int(max(now, options.prev_millis, repeat.start_date or 0))
    found = cron.next_after(repeat.pattern.replace("?", "*"), repeat.tz or "UTC", after)
    return None if found is None or (repeat.end_date and found > repeat.end_date) else found


def _next_of_every(slot: int, every_ms: int, now: int, offset: int) -> int:
    """The next one; if that has been missed, the first in the grid that is to come."""
    if slot + every_ms >= now:
        return slot + every_ms
    aligned = now // every_ms * every_ms + offset
    return aligned + every_ms if aligned <= now else aligned


def _opts(opts: str, repeat: _Repeat, name: str, at: int, now: int) -> str:
    """The options of the next job: those of this one, but for what is of the slot."""
    own: dict[str, object] = {"attempts": 0, **_texts.decode(opts)}
    again: dict[str, object] = dict(_texts.decode(_encode(own["repeat"])))
    again["count"] = int(repeat.count) + 1
    own["prevMillis"] = at
    if repeat.every:
        del own["prevMillis"]
    if not (repeat.every and repeat.offset):
        again.pop("offset", None)
    own |= {
        "repeat": again,
        "jobId": f"repeat:{name}:{at}",
        "delay": max(at - now, 0),
        "timestamp": now,
        "repeatJobKey": name,
    }
    return _encode(own).decode()


def _integer(text: str | None) -> int | None:
    return int(float(text)) if text else None
