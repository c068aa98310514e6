"""The server of a run, as a production queue has it, and what it spends."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

import hiredis

from tests.servers import redis7, valkey

SENT: Final = ("fcall", "evalsha", "eval", "bzpopmin", "xread")
"""What a worker sends; the rest of the statistics is what scripts call."""

SERVERS: Final = {"redis": valkey.running, "redis7": redis7.running}


@dataclass(frozen=True)
class Server:
    """One that runs; `name` is that of the benchmark."""

    name: str
    port: int

    @property
    def title(self) -> str:
        """Its product, version and allocator, on which much of its speed depends."""
        said = told(self, "server") | told(self, "memory")
        product = "Valkey" if "valkey_version" in said else "Redis"
        return f"{product} {said[f'{product.lower()}_version']}, {said['mem_allocator']}"


@dataclass(frozen=True)
class Spent:
    """Commands that were sent, and the processor time of the server in seconds."""

    commands: int
    processor_s: float

    def __sub__(self, before: Self) -> "Spent":
        return Spent(self.commands - before.commands, self.processor_s - before.processor_s)


@contextmanager
def running(name: str) -> Iterator[Server]:
    """The server of this benchmark, with an append-only file that is synced each second."""
    with SERVERS[name]() as server:
        yield Server(name, server.port)


def told(server: Server, section: str) -> dict[str, str]:
    """What a section of INFO says, by name."""
    lines = str(ask(server, "INFO", section)).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def spent(server: Server) -> Spent:
    """Since the server was started."""
    values = told(server, "commandstats") | told(server, "cpu")
    calls = [values.get(f"cmdstat_{name}", "calls=0").split(",")[0] for name in SENT]
    processor_s = float(values["used_cpu_user"]) + float(values["used_cpu_sys"])
    return Spent(sum(int(each.removeprefix("calls=")) for each in calls), processor_s)


def emptied(server: Server) -> None:
    """Nothing is stored, and the append-only file begins anew."""
    ask(server, "FLUSHALL", "SYNC")
    ask(server, "BGREWRITEAOF")
    while told(server, "persistence")["aof_rewrite_in_progress"] == "1":
        time.sleep(0.02)


def used_memory(server: Server) -> int:
    """Bytes that are allocated."""
    return int(told(server, "memory")["used_memory"])


def ask(server: Server, *words: str) -> object:
    """The reply to one command."""
    reader = hiredis.Reader(encoding="utf-8", notEnoughData=None)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(hiredis.pack_command(words))
        while (reply := reader.gets()) is None:
            reader.feed(connection.recv(1 << 16))
    return reply
