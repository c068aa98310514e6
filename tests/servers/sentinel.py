"""A primary, a replica of it, and three real Sentinels that watch over both."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from tests.servers.process import START_S, CannotRun, wait_until
from tests.servers.valkey import Valkey

MASTER = "jobs"
DOWN_MS = 1_000  # without an answer, until a Sentinel takes a server for dead
SLOW_MS = 60_000  # the same for who wants no failover, on a machine that may be busy


class Sentinel(Valkey):
    name = "Sentinel"

    def __init__(self, directory: Path, watched: int, down_ms: int) -> None:
        super().__init__(directory)
        self.config = directory / "sentinel.conf"
        self.config.write_text(
            f"bind 127.0.0.1\nport {self.port}\ndir {directory}\n"
            f"sentinel monitor {MASTER} 127.0.0.1 {watched} 2\n"
            f"sentinel down-after-milliseconds {MASTER} {down_ms}\n"
            f"sentinel failover-timeout {MASTER} 6000\n"
        )

    def command(self) -> list[str | Path]:
        return [self.binary, self.config, "--sentinel"]


class Watched:
    """The servers, and what one has to know to find them."""

    def __init__(self, servers: list[Valkey], sentinels: list[Sentinel]) -> None:
        self.servers, self.sentinels = servers, sentinels

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/0?master={MASTER}"

    @property
    def primary(self) -> Valkey:
        """That which the Sentinels name now."""
        with redis.Redis(port=self.sentinels[0].port, decode_responses=True) as client:
            _, port = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        (found,) = [server for server in self.servers if server.port == int(port)]
        return found

    def is_whole(self) -> bool:
        """Each Sentinel knows the two others and the replica, and the replica is up to date."""
        for sentinel in self.sentinels:
            with redis.Redis(port=sentinel.port, decode_responses=True) as client:
                state = client.sentinel_master(MASTER)
            if (state["num-other-sentinels"], state["num-slaves"]) != (2, 1):
                return False
        (replica,) = [server for server in self.servers if server is not self.primary]
        with redis.Redis(port=replica.port, decode_responses=True) as client:
            return bool(client.info("replication").get("master_link_status") == "up")


@contextmanager
def running(*, down_ms: int = DOWN_MS) -> Iterator[Watched]:
    with tempfile.TemporaryDirectory(prefix="headrace-sentinel-") as folder, ExitStack() as stack:

        def directory(name: str) -> Path:
            path = Path(folder, name)
            os.mkdir(path)  # noqa: PTH102
            return path

        first = stack.enter_context(Valkey(directory("a")))
        second = stack.enter_context(Valkey(directory("b"), replicaof=f"127.0.0.1 {first.port}"))
        sentinels = [stack.enter_context(Sentinel(directory(f"s{place}"), first.port, down_ms)) for place in range(3)]
        watched = Watched([first, second], sentinels)
        if not wait_until(watched.is_whole, START_S):
            raise CannotRun("the Sentinels do not find each other")
        yield watched
