"""All keys of a Redis store, to compare and to put back, and what they mean."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

LISTS, SETS = ("wait", "active"), ("prioritized", "delayed", "waiting-children", "completed", "failed")
STATES = (*LISTS, *SETS)
FINISHED = ("completed", "failed")
PARTS = ("lock", "logs", "dependencies", "processed", "failed", "unsuccessful")  # what hangs on a job, as BullMQ has it
TIES = ("follows", "followers")  # and as we have it
CLASS = 2**32  # of priorities
BYTES_AS_TEXT = "surrogateescape"

Keys = dict[str, Any]


def snapshot(client: Any, prefix: str) -> Keys:
    """Every key of a store by its name. Entries of streams without their ids, which go by the clock of the server.

    What goes by itself meanwhile is left out.
    """
    names = sorted(client.scan_iter(f"{prefix}[:~]*", count=1000))
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.type(name)
        there = [(name, kind) for name, kind in zip(names, pipe.execute(), strict=True) if kind != "none"]
        for name, kind in there:
            READ[kind](pipe, name)
        values = pipe.execute()
    return {
        name.removeprefix(prefix): plain(kind, value, name)
        for (name, kind), value in zip(there, values, strict=True)
        if value or value == ""
    }


READ: dict[str, Callable[[Any, str], Any]] = {
    "string": lambda pipe, name: pipe.get(name),
    "list": lambda pipe, name: pipe.lrange(name, 0, -1),
    "set": lambda pipe, name: pipe.smembers(name),
    "hash": lambda pipe, name: pipe.hgetall(name),
    "zset": lambda pipe, name: pipe.zrange(name, 0, -1, withscores=True),
    "stream": lambda pipe, name: pipe.xrange(name),
}


def plain(kind: str, value: Any, name: str) -> Any:
    if kind == "zset":
        return dict(value)
    if kind == "stream":
        is_ours = "~" in name and "::moves:" not in name  # whose ids are positions
        return [(int(at.partition("-")[0]), fields) if is_ours else fields for at, fields in value]
    if kind == "hash" and name.endswith(":numbered"):
        return {field: text for field, text in value.items() if field != "id"}
    return value


@dataclass
class Job:
    queue: str
    id: str
    fields: dict[str, str]
    places: list[tuple[str, float]]

    @property
    def key(self) -> str:
        return f":{self.queue}:{self.id}"

    @property
    def state(self) -> str:
        return self.places[0][0] if self.places else ""

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED


class Seen:
    """A snapshot, understood. Keys are without the prefix of the store."""

    def __init__(self, keys: Keys, prefix: str) -> None:
        self.keys, self.prefix = keys, prefix

    def of(self, name: str) -> Any:
        return self.keys.get(name, {})

    def ours(self, queue: str, word: str) -> Any:
        return self.of(f"~:{queue}:{word}")

    def short(self, key: str) -> str:
        return key.removeprefix(self.prefix)

    @cached_property
    def queues(self) -> list[str]:
        return [name[1:-5] for name in self.keys if name.startswith(":") and name.endswith(":meta")]

    @cached_property
    def places(self) -> dict[tuple[str, str], list[tuple[str, float]]]:
        """Of each id in a place where that is, with its score."""
        found: dict[tuple[str, str], list[tuple[str, float]]] = {}
        for queue in self.queues:
            for state in STATES:
                here = self.of(f":{queue}:{state}")
                for job in here:
                    score = here[job] if state in SETS else 0.0
                    found.setdefault((queue, job), []).append((state, score))
            for job, score in self.ours(queue, "parked").items():
                found.setdefault((queue, job), []).append(("wait" if score < CLASS else "prioritized", score))
        return found

    @cached_property
    def jobs(self) -> dict[str, Job]:
        found = {}
        for name, value in self.keys.items():
            if name.startswith(":") and isinstance(value, dict) and "timestamp" in value:
                _, queue, job_id = name.split(":", 2)
                found[name] = Job(queue, job_id, value, self.places.get((queue, job_id), []))
        return found

    def per_key(self, queue: str) -> bool:
        return bool(self.of(f":{queue}:meta").get("hrkey"))

    def edges(self, key: str) -> dict[str, list[Any]]:
        """What a job follows: of each key the edge."""
        follows = self.of(f"~{key}:follows")
        return {
            self.short(to): msgspec.msgpack.decode(edge.encode(errors=BYTES_AS_TEXT)) for to, edge in follows.items()
        }
