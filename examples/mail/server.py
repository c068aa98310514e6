"""A mail server on loopback that keeps what it gets, and refuses some of it: as much of SMTP as smtplib needs."""

import socketserver
import threading
from collections import Counter
from types import TracebackType
from typing import Self


class MailServer(socketserver.ThreadingTCPServer):
    """Refuses `greylisted` recipients so many times "for now", and the `unknown` ones for good."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *, greylisted: dict[str, int] | None = None, unknown: frozenset[str] = frozenset()) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.letters: list[tuple[str, str]] = []
        self._unknown = unknown
        self._refusals = Counter(greylisted or {})
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return "127.0.0.1", self.server_address[1]

    def answer_to(self, recipient: str) -> str:
        """What the server says when a letter for this recipient is announced."""
        with self._lock:
            if recipient in self._unknown:
                return "550 no such mailbox"
            if self._refusals[recipient] > 0:
                self._refusals[recipient] -= 1
                return "451 try again later"
        return "250 go on"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, MailServer)
        recipient = ""
        self._say("220 loopback")
        while line := self.rfile.readline().decode().strip():
            verb = line.upper()
            if verb.startswith("RCPT TO:"):
                recipient = line.partition("<")[2].partition(">")[0]
                self._say(server.answer_to(recipient))
            elif verb == "DATA":
                self._say("354 end with a dot")
                server.letters.append((recipient, self._letter()))
                self._say("250 kept")
            elif verb == "QUIT":
                self._say("221 good bye")
                return
            else:
                self._say("250 fine")

    def _letter(self) -> str:
        lines: list[str] = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
            lines.append(line.removeprefix("."))
        return "\n".join(lines)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
