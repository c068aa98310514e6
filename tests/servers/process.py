"""What the real servers have in common: a child process on a free loopback port, with its log in a file."""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

START_S = 30.0
STOP_S = 15.0
POLL_S = 0.02
PORTS = (20_000, 32_000)
TETHERED = Path(__file__).with_name("tethered.py")


class CannotRun(Exception):
    """This server does not run on this machine; the text says why."""


def free_port() -> int:
    # Below the ports that systems hand to outgoing connections, so that nobody takes it while a server is restarted.
    while True:
        port = random.randrange(*PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def tethered(*command: str | Path, user: str = "") -> list[str]:
    return [sys.executable, "-I", "-S", str(TETHERED), str(os.getpid()), user, *map(str, command)]


class Server:
    """A server that can be started, stopped, killed and started again on the same port and data.

    A subclass says what to run in `command` and answers in `ready` whether it serves.
    """

    name = "server"
    user = ""
    launcher: tuple[str | Path, ...] = ()
    """A program that does something to itself, and then becomes the server."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.log = directory / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str | Path]:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                tethered(*self.launcher, *self.command(), user=self.user),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at the terminal is for pytest, which then stops us in order
            )
        if not wait_until(lambda: self.process is None or self.process.poll() is not None or self.ready(), START_S):
            self.kill()
            raise CannotRun(f"{self.name} did not answer within {START_S:.0f} s: {self._last_words()}")
        if self.process.poll() is not None:
            raise CannotRun(f"{self.name} ended at once with {self.process.returncode}: {self._last_words()}")
        return self

    def stop(self) -> None:
        """Ask it to end in order; does nothing when it has ended."""
        if self.process is None or self.process.poll() is not None:
            return
        self._ask_to_end(self.process)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it without a chance to write anything more: what a power cut does to the process."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ask_to_end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()

    def _last_words(self) -> str:
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-3:]) or "it said nothing"


def wait_until(answer: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not answer():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
