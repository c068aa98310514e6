"""A stand-in for an asynchronous DNS provider: a real HTTP service on 127.0.0.1, with faults on demand.

    POST /changes       {action: create|update|delete, name, type, value}, header `Idempotency-Key` if wanted
                        -> 200 {id, status}, 400 malformed, 409 key_reused, 422 exists or rejected, 503 unavailable
    GET  /changes/{id}  -> 200 {id, status: PENDING|INSYNC}, 404, 503 unavailable
    GET  /zone          -> 200 {records: [{name, type, value}]}; /counters and /faults as in `loopback.py`

As with Route 53, a change is in the zone once accepted; only its way to the name servers takes time. `create` refuses
a (name, type) that exists, `update` sets it, `delete` wants no value and takes what is there. Errors are {error}.
"""

import argparse
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .loopback import Answer, Loopback, Plan


@dataclass(frozen=True, slots=True)
class Faults(Plan):
    """What goes wrong from now on, with `/changes` only; `Faults()` is a healthy provider.

    A change is INSYNC from its `insync_after_polls`-th poll on (3: twice PENDING) if it is `insync_after_ms` old by
    then. For the others see `Plan`.
    """

    insync_after_polls: int = 1
    insync_after_ms: int = 0
    never_in_sync: bool = False


@dataclass(slots=True)
class _Change:
    id: str
    asked: tuple[str, ...]
    polls: int = 0
    made_at: float = field(default_factory=time.monotonic)


class FakeDns(Loopback[Faults]):
    """A running provider. Its own counters: polls, and submits = accepted + duplicates + refused."""

    proper = ("/changes",)

    def __init__(self, faults: Faults = Faults(), *, port: int = 0) -> None:
        self._zone: dict[tuple[str, str], str] = {}
        self._changes: dict[str, _Change] = {}
        self._by_key: dict[str | None, _Change] = {}
        super().__init__(faults, port=port)

    def zone(self) -> list[dict[str, str]]:
        with self._lock:
            return [{"name": name, "type": kind, "value": self._zone[name, kind]} for name, kind in sorted(self._zone)]

    def serve(self, route: str, id: str, data: Any, key: str | None) -> Answer:
        match route:
            case "POST /changes":
                return self._submit(data, key)
            case "GET /changes/{id}" if change := self._changes.get(id):
                return self._status(change, polls=1)
            case "GET /zone":
                return 200, {"records": self.zone()}
            case _:
                return 404, {"error": "not found"}

    def _submit(self, data: Any, key: str | None) -> Answer:
        asked = tuple(data.get(part, "") for part in ("action", "name", "type", "value") if isinstance(data, dict))
        change = self._by_key.get(key)
        refusal = self._refusal(asked, change)
        self._counts.update(["submits", "refused" if refusal else "duplicates" if change else "accepted"])
        if refusal:
            return refusal
        if not change:
            action, name, kind, value = asked
            self._zone.pop((name, kind), None)
            self._zone |= {} if action == "delete" else {(name, kind): value}
            change = _Change(f"C{len(self._changes) + 1}", asked)
            self._changes[change.id] = change
            self._by_key.update({key: change} if key else {})
        return self._status(change)

    def _refusal(self, asked: tuple[Any, ...], known: _Change | None) -> Answer | None:
        action, name, kind, value = asked if asked and all(isinstance(part, str) for part in asked) else [""] * 4
        if action not in ("create", "update", "delete") or not (name and kind and (value or action == "delete")):
            return 400, {"error": "malformed"}
        if known:
            return None if known.asked == asked else (409, {"error": "key_reused"})
        is_taken = action == "create" and (name, kind) in self._zone
        error = "rejected" if name in self.plan.reject else "exists" if is_taken else ""
        return (422, {"error": error}) if error else None

    def _status(self, change: _Change, polls: int = 0) -> Answer:
        self._counts["polls"] += polls
        change.polls += polls
        is_old = (time.monotonic() - change.made_at) * 1000 >= self.plan.insync_after_ms
        is_in_sync = is_old and change.polls >= self.plan.insync_after_polls and not self.plan.never_in_sync
        return 200, {"id": change.id, "status": "INSYNC" if is_in_sync else "PENDING"}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one; the URL is printed")
    with FakeDns(port=parser.parse_args().port) as running, suppress(KeyboardInterrupt):
        print(running.url, flush=True)
        threading.Event().wait()
