"""An API on loopback that takes so many calls in a span of time, and answers 429 with Retry-After to all others."""

import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class Api(ThreadingHTTPServer):
    """Counts what it took and what it refused."""

    daemon_threads = True

    def __init__(self, most: int, per: float) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.taken: list[str] = []
        self.refused = 0
        self._most, self._per = most, per
        self._times: deque[float] = deque()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, path: str) -> float:
        """Take a call and give 0, or refuse it and give the seconds after which to come again."""
        with self._lock:
            now = time.monotonic()
            while self._times and self._times[0] <= now - self._per:
                self._times.popleft()
            if len(self._times) < self._most:
                self._times.append(now)
                self.taken.append(path)
                return 0
            self.refused += 1
            return self._times[0] + self._per - now

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Call(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Api)
        wait = server.take(self.path)
        self.send_response(429 if wait else 200)
        if wait:
            self.send_header("Retry-After", f"{wait:.3f}")  # a real one says whole seconds
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""
