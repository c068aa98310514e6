"""Where the fault tests stand: a store that several processes share, on each engine that has such."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from headrace.storage.protocol import Storage
from headrace.storage.sql.connect import connect
from tests.conformance.audit import assert_consistent
from tests.crash.tables import faults
from tests.servers import valkey
from tests.servers.available import or_skip

ENGINES = ("sqlite", "redis")
PAGE = 500
LASTING = {"appendfsync": "always"}
"""With which a Redis keeps whatever it has acknowledged."""


@dataclass(frozen=True)
class Ground:
    """The URL of an empty store, a folder for whatever else there is, and the server if it has one."""

    url: str
    folder: Path
    server: valkey.Valkey | None = None

    async def assert_whole(self, store: Storage) -> None:
        """What is stored contradicts itself nowhere; nobody may be at work."""
        if self.server is not None:
            await assert_consistent(store, PAGE)
            return
        with closing(connect(self.url.removeprefix("sqlite:///"), is_read_only=True)) as db:
            assert faults(db) == []


@contextmanager
def broken_in(engine: str, folder: Path) -> Iterator[Ground]:
    """A ground of its own, with a server of its own that may be killed; the test is skipped where that cannot run."""
    if engine == "sqlite":
        yield Ground(f"sqlite:///{folder / 'jobs.db'}", folder)
        return
    with or_skip(valkey.running(**LASTING)) as server:
        yield Ground(server.url, folder, server)
