"""A disk that takes its time: syncs of a server that end when the test lets them. Only Linux can do that."""

import fcntl
import os
import platform
import select
import socket
import struct
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.held import NUMBERS
from tests.servers.process import START_S, CannotRun, Server

HELD = Path(__file__).with_name("held.py")
RECEIVE, SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV and _SEND
NOTICE_BYTES = 80
GO_ON = 1  # with the call, as if nobody had asked


class Disk:
    """A door at which the server leaves word of its syncs, and what the test says of them."""

    def __init__(self) -> None:
        self.syncs = threading.Event()
        """A sync has begun since `hold`, and does not end."""
        self._is_free = threading.Event()
        self._is_free.set()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.settimeout(START_S)
        self.name = f"headrace-{uuid.uuid4().hex}"
        self._door.bind(f"\0{self.name}")
        self._door.listen()

    def hold(self) -> None:
        """From now on no sync ends."""
        self._is_free.clear()

    def free(self) -> None:
        """Let go whatever waits, and comes."""
        self._is_free.set()

    def serve(self) -> None:
        """Let each sync through, or wait with it; until the server is gone."""
        try:
            connection, _ = self._door.accept()
        except TimeoutError:  # it did not start
            return
        finally:
            self._door.close()
        with connection:
            _, (asking,), _, _ = socket.recv_fds(connection, 1, 1)
        poll = select.poll()
        poll.register(asking, select.POLLIN)
        with os.fdopen(asking, "rb", buffering=0), suppress(FileNotFoundError):  # the server died in a call
            while not poll.poll()[0][1] & select.POLLHUP:
                self._answer(asking)

    def _answer(self, asking: int) -> None:
        notice = bytearray(NOTICE_BYTES)
        fcntl.ioctl(asking, RECEIVE, notice)
        if not self._is_free.is_set():
            self.syncs.set()
            self._is_free.wait()
        (number,) = struct.unpack_from("Q", notice)
        fcntl.ioctl(asking, SEND, struct.pack("QqiI", number, 0, 0, GO_ON))


@contextmanager
def slow(server: Server) -> Iterator[Disk]:
    """A server that runs is started anew on a disk that the test may hold; its next start finds a quick one."""
    if sys.platform != "linux" or platform.machine() not in NUMBERS:
        raise CannotRun("syncs are held on Linux only, and on the processors whose numbers we know")
    disk = Disk()
    threading.Thread(target=disk.serve, daemon=True).start()
    server.stop()
    server.launcher = (sys.executable, "-I", "-S", HELD, disk.name)
    try:
        server.start()
        yield disk
    finally:
        disk.free()
        server.launcher = ()
