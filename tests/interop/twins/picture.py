"""A database as two runs of it can be compared: every key by its type, instants as labels, and the events of one step.

A label counts units of a thousand seconds since the test began. Delays are whole units, so the milliseconds between
what one side does and what the other does are not seen, and what has another delay is.
"""

import json
import re
from typing import Any, Final, TypeAlias

UNIT_MS: Final = 1_000_000
PREFIX: Final = "d"
OURS: Final = "hr"  # fields of ours begin so

TIES: Final = (":waiting-children", ":unsuccessful")  # jobs of one Add, or one call, come here in the same millisecond

_INSTANT: Final = re.compile(r"\b[12][0-9]{12}\b")  # milliseconds since 1970, from 2001 to 2065
_OFFSET: Final = re.compile(r'("offset": )\d+')  # of a scheduler: the milliseconds within its first slot
_DELAY: Final = re.compile(r'("delay": )\d+')
_JSON: Final = frozenset({"opts", "parent", "data", "returnvalue", "progress"})
_DELAY_STEP_MS: Final = 100_000  # BullMQ turns an instant back into a delay, and some milliseconds are over by then

Place: TypeAlias = tuple[str, str]  # a key without the prefix; in it a field, a member, the name of an event, or ""
Picture: TypeAlias = dict[str, Any]


class Camera:
    """Takes pictures of one database. Events are seen once, by the picture after them."""

    def __init__(self, client: Any, began_ms: int) -> None:
        self._client = client
        self._began_ms = began_ms
        self._seen: dict[str, str] = {}
        self.keys: dict[str, str] = {}  # as they are, by their names in the last picture

    def take(self) -> Picture:
        keys = sorted(self._client.keys(f"{PREFIX}:*"))
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.type(key).pttl(key)
        kinds = pipe.execute()
        for key, kind in zip(keys, kinds[::2], strict=True):
            self._read(pipe, key, kind)
        found: Picture = {}
        self.keys.clear()
        for key, kind, ttl, value in zip(keys, kinds[::2], kinds[1::2], pipe.execute(), strict=True):
            if kind == "stream" and value:
                self._seen[key] = value[-1][0]
            name = self._label(key.removeprefix(f"{PREFIX}:"))
            self.keys[name] = key
            found[name] = (kind, self._value(key, kind, value))
            if ttl > 0:
                found[f"{name} (ttl)"] = ("ttl", "is there")
        return found

    def _read(self, pipe: Any, key: str, kind: str) -> None:
        match kind:
            case "string":
                pipe.get(key)
            case "list":
                pipe.lrange(key, 0, -1)
            case "set":
                pipe.smembers(key)
            case "zset":
                pipe.zrange(key, 0, -1, withscores=True)
            case "stream":
                pipe.xrange(key, f"({self._seen[key]}" if key in self._seen else "-")
            case _:
                pipe.hgetall(key)

    def _value(self, key: str, kind: str, value: Any) -> Any:
        match kind:
            case "string":
                return self._label(value)
            case "list":
                return [self._label(each) for each in value]
            case "set":
                return sorted(self._label(each) for each in value)
            case "zset":
                rows = [(self._label(member), self._score(score)) for member, score in value]
                return dict(sorted(rows) if key.endswith(TIES) else rows)
            case "stream":
                return [self._event(fields) for _, fields in value]
            case _:
                return {
                    self._label(name): self._field(name, text, is_scheduled="rjk" in value)
                    for name, text in sorted(value.items())
                    if not name.startswith(OURS)
                }

    def _label(self, text: str) -> str:
        return _INSTANT.sub(lambda found: self._instant(int(found[0])), text)

    def _instant(self, at_ms: float) -> str:
        return f"<{round((at_ms - self._began_ms) / UNIT_MS):+d}>"

    def _score(self, score: float) -> str:
        if score > 1e15:  # a delayed job: its order among those of one millisecond shows in the order of the members
            return self._instant(score / 4096)
        return self._instant(score) if score > 1e12 else f"{score:.0f}"

    def _event(self, fields: dict[str, str]) -> str:
        words = [f"{name}={self._label(text)}" for name, text in fields.items() if not name.startswith(OURS)]
        return " ".join(words).removeprefix("event=")

    def _field(self, name: str, text: str, *, is_scheduled: bool) -> str:
        if name == "stacktrace":
            return f"{len(json.loads(text))} of them"
        if name == "delay":
            if is_scheduled:  # how long it is to the slot, which shows where the job stands
                return "0" if text == "0" else "<delay>"
            return f"{round(int(text) / _DELAY_STEP_MS) * _DELAY_STEP_MS}"
        if name == "offset":
            return "<offset>"
        if name in _JSON:
            text = _OFFSET.sub(r"\1<offset>", json.dumps(json.loads(text), sort_keys=True))
            text = _DELAY.sub(r"\1<delay>", text) if is_scheduled else text
        return self._label(text)


def states(client: Any, queue: str) -> dict[str, list[str]]:
    """The ids of the jobs of a queue by state, in BullMQ's order."""
    start = f"{PREFIX}:{queue}:"
    pipe = client.pipeline(transaction=False)
    for name in ("wait", "active"):
        pipe.lrange(start + name, 0, -1)
    sets = ("prioritized", "delayed", "waiting-children", "completed", "failed")
    for name in sets:
        pipe.zrange(start + name, 0, -1)
    waiting, active, *rest = pipe.execute()
    return {"waiting": waiting, "active": active, **dict(zip(sets, rest, strict=True))}
