"""The one server of a run, as a production queue has it, and what it spends."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

import hiredis

from tests.servers import valkey
from tests.servers.valkey import Valkey

SENT: Final = ("fcall", "evalsha", "eval", "bzpopmin", "xread")
"""What a worker sends; the rest of the statistics is what scripts call."""

__all__ = ["Spent", "Valkey", "ask", "emptied", "running", "spent"]


@dataclass(frozen=True)
class Spent:
    """Commands that were sent, and the processor time of the server in seconds."""

    commands: int
    processor_s: float

    def __sub__(self, before: Self) -> "Spent":
        return Spent(self.commands - before.commands, self.processor_s - before.processor_s)


@contextmanager
def running() -> Iterator[Valkey]:
    """A Valkey with an append-only file that is synced each second."""
    with valkey.running() as server:
        yield server


def spent(server: Valkey) -> Spent:
    """Since the server was started."""
    lines = f"{ask(server, 'INFO', 'commandstats')}\n{ask(server, 'INFO', 'cpu')}".splitlines()
    values = dict(line.strip().split(":", 1) for line in lines if ":" in line)
    calls = [values.get(f"cmdstat_{name}", "calls=0").split(",")[0] for name in SENT]
    processor_s = float(values["used_cpu_user"]) + float(values["used_cpu_sys"])
    return Spent(sum(int(each.removeprefix("calls=")) for each in calls), processor_s)


def emptied(server: Valkey) -> None:
    """Nothing is stored, and the append-only file begins anew."""
    ask(server, "FLUSHALL", "SYNC")
    ask(server, "BGREWRITEAOF")
    while "aof_rewrite_in_progress:1" in str(ask(server, "INFO", "persistence")):
        time.sleep(0.02)


def used_memory(server: Valkey) -> int:
    """Bytes that are allocated."""
    lines = str(ask(server, "INFO", "memory")).splitlines()
    return next(int(line.partition(":")[2]) for line in lines if line.startswith("used_memory:"))


def ask(server: Valkey, *words: str) -> object:
    """The reply to one command."""
    reader = hiredis.Reader(encoding="utf-8", notEnoughData=None)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(hiredis.pack_command(words))
        while (reply := reader.gets()) is None:
            reader.feed(connection.recv(1 << 16))
    return reply
