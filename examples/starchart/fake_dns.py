"""A stand-in for an asynchronous DNS provider: a real HTTP service on 127.0.0.1, with faults on demand.

    POST /changes       {action: create|update|delete, name, type, value}, header `Idempotency-Key` if wanted
                        -> 200 {id, status}, 400 malformed, 409 key_reused, 422 exists or rejected, 503 unavailable
    GET  /changes/{id}  -> 200 {id, status: PENDING|INSYNC}, 404, 503 unavailable
    GET  /zone          -> 200 {records: [{name, type, value}]}; GET /counters -> 200, as `FakeDns.counters`
    POST /faults        the fields of `Faults`; replaces the whole plan, so {} heals -> 200 {}, 400 malformed

As with Route 53, a change is in the zone once accepted; only its way to the name servers takes time. `create` refuses
a (name, type) that exists, `update` sets it, `delete` wants no value and takes what is there. Errors are {error}.
"""

import argparse
import json
import random
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, fields
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, cast
from weakref import WeakSet

HOST, BACKLOG, BODY_MAX, IDLE_S, STOP_POLL_S = "127.0.0.1", 1024, 65_536, 60, 0.02
Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong from now on, with `/changes` only; `Faults()` is a healthy provider.

    `fail_next`, `down`, `error_ratio` answer 503, with nothing done; `slow_ms` delays the answer once all is done. A
    change is INSYNC from its `insync_after_polls`-th poll on (3: twice PENDING) if it is `insync_after_ms` old by then.
    """

    fail_next: int = 0
    down: bool = False
    slow_ms: int = 0
    error_ratio: float = 0.0
    seed: int = 0
    insync_after_polls: int = 1
    insync_after_ms: int = 0
    never_in_sync: bool = False
    reject: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for each in fields(self):
            value, kind = getattr(self, each.name), type(each.default)
            if type(value) not in ((int, float) if kind is float else (kind,)) or (kind is not frozenset and value < 0):
                raise ValueError(f"{each.name}: {kind.__name__}, not negative, is wanted, not {value!r}")


@dataclass(slots=True)
class _Change:
    id: str
    asked: tuple[str, ...]
    polls: int = 0
    made_at: float = field(default_factory=time.monotonic)


class FakeDns(ThreadingTCPServer):  # HTTPServer would only add a look-up of our own name, which may take seconds
    """A running provider, until `close` or the end of its `with`; what it holds is in memory only."""

    allow_reuse_address, daemon_threads, request_queue_size = True, False, BACKLOG  # server_close() joins non-daemons

    def __init__(self, faults: Faults = Faults(), *, port: int = 0) -> None:
        self._lock = threading.RLock()  # a request is one atomic step: equal submits at once make one change
        self._zone: dict[tuple[str, str], str] = {}
        self._changes: dict[str, _Change] = {}
        self._by_key: dict[str | None, _Change] = {}
        self._counts, self._connections, self.closing = Counter[str](), WeakSet[socket.socket](), threading.Event()
        self.set_faults(faults)
        super().__init__((HOST, port), _Handler)
        self.url = f"http://{HOST}:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(STOP_POLL_S,), daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def close(self) -> None:
        """Cut the open connections, wait for their threads, free the port; may be called again."""
        self.closing.set()
        self.shutdown()
        for connection in self._connections:
            with suppress(OSError):  # it has ended by itself
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that went away is no error of ours
            super().handle_error(request, client_address)

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_faults(self, faults: Faults) -> None:
        with self._lock:
            self.plan, self._failures_left, self._chance = faults, faults.fail_next, random.Random(faults.seed)

    def zone(self) -> list[dict[str, str]]:
        with self._lock:
            return [{"name": name, "type": kind, "value": self._zone[name, kind]} for name, kind in sorted(self._zone)]

    def counters(self) -> Counter[str]:
        """A copy: arrivals by route, faults (the 503s), polls, and submits = accepted + duplicates + refused."""
        with self._lock:
            return self._counts.copy()

    def answer(self, method: str, path: str, data: Any, key: str | None) -> Answer:
        route = f"{method} /changes/{{id}}" if path.startswith("/changes/") else f"{method} {path}"
        with self._lock:
            self._counts[route] += 1
            match route:
                case "POST /changes" | "GET /changes/{id}" if self._fails():
                    return 503, {"error": "unavailable"}
                case "POST /changes":
                    return self._submit(data, key)
                case "GET /changes/{id}" if change := self._changes.get(path.removeprefix("/changes/")):
                    return self._status(change, polls=1)
                case "POST /faults":
                    try:
                        given: dict[str, Any] = {**data, "reject": frozenset(list.copy(data.get("reject", [])))}
                        self.set_faults(Faults(**given))
                    except (AttributeError, TypeError, ValueError) as error:
                        return 400, {"error": f"malformed: {error}"}
                    return 200, {}
                case "GET /zone":
                    return 200, {"records": self.zone()}
                case "GET /counters":
                    return 200, self.counters()
                case _:
                    return 404, {"error": "not found"}

    def _fails(self) -> bool:
        has_failed = self._failures_left > 0 or self.plan.down or self._chance.random() < self.plan.error_ratio
        self._failures_left -= 1
        self._counts["faults"] += has_failed
        return has_failed

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


class _Handler(BaseHTTPRequestHandler):
    protocol_version, timeout, wbufsize, disable_nagle_algorithm = "HTTP/1.1", IDLE_S, -1, True

    def do_POST(self) -> None:
        dns, data = cast(FakeDns, self.server), None  # None is malformed, wherever a body is wanted
        with suppress(ValueError, RecursionError):
            data = json.loads(self.rfile.read(min(int(self.headers.get("Content-Length", 0)), BODY_MAX)))
        status, body = dns.answer(self.command, self.path, data, self.headers.get("Idempotency-Key"))
        dns.closing.wait(dns.plan.slow_ms / 1000 if self.path.startswith("/changes") else 0)
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None: ...


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one; the URL is printed")
    with FakeDns(port=parser.parse_args().port) as running, suppress(KeyboardInterrupt):
        print(running.url, flush=True)
        threading.Event().wait()
