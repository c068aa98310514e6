"""Dedup keys as users give them: one job of a key, for how long, and what another one does."""

from dataclasses import dataclass
from typing import Final

from headrace.core import jobs as core
from headrace.core.backoff import DELAY_MAX_MS
from headrace.core.errors import InvalidOption
from headrace.core.names import check_dedup_key
from headrace.spans import Span, span_ms

TTL_MIN_MS: Final = 1
_FLAGS: Final = ("forever", "extend", "replace", "reschedule", "keep_last")


@dataclass(frozen=True, slots=True)
class Dedup:
    """The key of which a queue takes one job only; another job of the key is a duplicate, and is not added.

    The key is taken until its job has finished. With `ttl` it is taken for that time from the add, whatever becomes of
    the job; with `forever`, until `queue.forget_dedup(key)`. A job that is removed before it has finished takes its key
    along in any case.

    What a duplicate does: nothing. With `extend` the key lasts for `ttl` from now. While the job of the key is delayed,
    `replace` puts the new job in its place, and `reschedule` lets its delay begin anew. While the job runs, `keep_last`
    keeps the new job, the last one if there are more, and adds it when the other has finished.

    `InvalidName` for a key that is empty or longer than 256 bytes, `InvalidOption` for what cannot go together.

    Examples:
        >>> call = resize.call("a.png").options(dedup=headrace.Dedup("a.png", ttl=60))
        >>> app.enqueue.sync(call).is_duplicate, app.enqueue.sync(call).is_duplicate
        (False, True)
    """

    key: str
    ttl: Span | None = None
    forever: bool = False
    extend: bool = False
    replace: bool = False
    reschedule: bool = False
    keep_last: bool = False

    def __post_init__(self) -> None:
        self.stored()

    def stored(self) -> core.Dedup:
        """The same as a store keeps it."""
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise InvalidOption(f"{name} is {type(getattr(self, name)).__name__}; it is True or False")
        ttl_ms = None if self.ttl is None else span_ms("ttl", self.ttl, DELAY_MAX_MS, TTL_MIN_MS)
        if ttl_ms is not None and self.forever:
            raise InvalidOption("a dedup key lasts for a ttl or forever; give one of them")
        if self.extend and ttl_ms is None:
            raise InvalidOption("extend lets a ttl begin anew, and there is none; give ttl, too")
        if self.replace and self.reschedule:
            raise InvalidOption("a duplicate replaces the delayed job or reschedules it; give one of them")
        if self.keep_last and (ttl_ms is not None or self.forever):
            raise InvalidOption(
                "keep_last is for a key that lasts until its job has finished; leave ttl and forever out"
            )
        key = check_dedup_key(self.key)
        return core.Dedup(key, ttl_ms, self.forever, self.extend, self.replace, self.reschedule, self.keep_last)
