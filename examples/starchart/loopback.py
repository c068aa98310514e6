"""What the stand-ins have in common: a real HTTP service on 127.0.0.1 that answers in JSON, with faults on demand.

    GET  /counters      -> 200, as `Loopback.counters`
    POST /faults        the fields of the plan; replaces the whole of it, so {} heals -> 200 {}, 400 malformed

Errors are {error}. What a service holds is in memory only.
"""

import json
import random
import re
import socket
import sys
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, fields
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Generic, Self, TypeVar, cast
from weakref import WeakSet

HOST, BACKLOG, BODY_MAX, IDLE_S, STOP_POLL_S = "127.0.0.1", 1024, 65_536, 60, 0.02
ID = re.compile(r"(?<=/)[A-Z]\d+(?=/|$)")
Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes wrong from now on, with requests for the service proper; an empty plan is a healthy service.

    `fail_next`, `down`, `error_ratio` answer 503, with nothing done; `slow_ms` delays the answer once all is done;
    `reject` are names that the service says no to.
    """

    fail_next: int = 0
    down: bool = False
    slow_ms: int = 0
    error_ratio: float = 0.0
    seed: int = 0
    reject: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for each in fields(self):
            value, kind = getattr(self, each.name), type(each.default)
            if type(value) not in ((int, float) if kind is float else (kind,)) or (kind is not frozenset and value < 0):
                raise ValueError(f"{each.name}: {kind.__name__}, not negative, is wanted, not {value!r}")

    @classmethod
    def read(cls, data: Any) -> Self:
        """A plan as it comes over HTTP, where a set is a list."""
        given: dict[str, Any] = {**data, "reject": frozenset(list.copy(data.get("reject", [])))}
        return cls(**given)


P = TypeVar("P", bound=Plan)


class Loopback(ThreadingTCPServer, Generic[P]):  # HTTPServer would look up our own name, which may take seconds
    """A running service, until `close` or the end of its `with`. A subclass says in `serve` what it answers."""

    allow_reuse_address, daemon_threads, request_queue_size = True, False, BACKLOG  # server_close() joins non-daemons
    proper: tuple[str, ...]
    """What the paths of the service proper begin with: the faults are for these."""

    def __init__(self, plan: P, *, port: int = 0) -> None:
        self._lock = threading.RLock()  # a request is one atomic step: equal submits at once make one change
        self._counts, self._connections, self.closing = Counter[str](), WeakSet[socket.socket](), threading.Event()
        self.set_faults(plan)
        super().__init__((HOST, port), _Handler)
        self.url = f"http://{HOST}:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(STOP_POLL_S,), daemon=True).start()

    def serve(self, route: str, id: str, data: Any, key: str | None) -> Answer:
        """The answer to a request that no fault has met; `id` is what stands for {id} in the route."""
        raise NotImplementedError

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

    def set_faults(self, plan: P) -> None:
        with self._lock:
            self.plan, self._failures_left, self._chance = plan, plan.fail_next, random.Random(plan.seed)

    def counters(self) -> Counter[str]:
        """A copy: arrivals by route, faults (the 503s), and what the service counts itself."""
        with self._lock:
            return self._counts.copy()

    def answer(self, method: str, path: str, data: Any, key: str | None) -> Answer:
        found = ID.search(path)
        route = f"{method} {ID.sub('{id}', path)}"
        with self._lock:
            self._counts[route] += 1
            match route:
                case "POST /faults":
                    try:
                        self.set_faults(self.plan.read(data))
                    except (AttributeError, TypeError, ValueError) as error:
                        return 400, {"error": f"malformed: {error}"}
                    return 200, {}
                case "GET /counters":
                    return 200, self.counters()
                case _ if path.startswith(self.proper) and self._fails():
                    return 503, {"error": "unavailable"}
                case _:
                    return self.serve(route, found[0] if found else "", data, key)

    def _fails(self) -> bool:
        has_failed = self._failures_left > 0 or self.plan.down or self._chance.random() < self.plan.error_ratio
        self._failures_left -= 1
        self._counts["faults"] += has_failed
        return has_failed


class _Handler(BaseHTTPRequestHandler):
    protocol_version, timeout, wbufsize, disable_nagle_algorithm = "HTTP/1.1", IDLE_S, -1, True

    def do_POST(self) -> None:
        service, data = cast("Loopback[Plan]", self.server), None  # None is malformed, wherever a body is wanted
        with suppress(ValueError, RecursionError):
            data = json.loads(self.rfile.read(min(int(self.headers.get("Content-Length", 0)), BODY_MAX)))
        status, body = service.answer(self.command, self.path, data, self.headers.get("Idempotency-Key"))
        service.closing.wait(service.plan.slow_ms / 1000 if self.path.startswith(service.proper) else 0)
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None: ...
