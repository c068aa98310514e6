"""Calls of scripts, as Redis reads them."""

from collections.abc import Sequence

from headrace.storage.protocol import Clock
from headrace.storage.redis.crowd import Errand
from headrace.storage.redis.packing import bulk, opened
from headrace.storage.redis.script import script


class Requests:
    """Packs calls that declare these keys; each script is told the prefix, and the instant if there is a `clock`."""

    def __init__(self, declared: tuple[str, ...], prefix: str, clock: Clock | None) -> None:
        self._declared = declared
        self._prefix = prefix
        self._clock = clock
        self._heads: dict[tuple[str, int], bytes] = {}

    def of(self, errands: Sequence[Errand]) -> list[bytes]:
        """A call for each errand: `ValueError` for a text that is none."""
        return [
            (self._heads.get((name, len(words))) or self._head(name, len(words))) + bulk(words)
            for name, words in errands
        ]

    def _head(self, name: str, count: int) -> bytes:
        """What all calls of a script begin with that have so many words of their own: most of each, so it is kept."""
        now = "" if self._clock is None else self._clock()
        words = "FCALL", script(name).name, len(self._declared), *self._declared, self._prefix, now
        head = opened(len(words) + count) + bulk(words)
        if self._clock is None:
            self._heads[name, count] = head
        return head
