"""Redis 7 as a distribution brings it, where it is installed. `.ci/run` installs it where it may."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import CannotRun
from tests.servers.valkey import Valkey

NAME = "redis-server"


class Redis7(Valkey):
    name = "Redis 7"
    checker = "redis-check-aof"

    def found(self) -> Path:
        found = shutil.which(NAME, path="/usr/bin:/usr/local/bin")
        if found is None:
            raise CannotRun(f"there is no {NAME} here; on Debian it is the package {NAME}")
        says = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        if "Redis server v=7." not in says:
            raise CannotRun(f"{found} is not Redis 7: {says.strip() or 'it said nothing'}")
        return Path(found)


@contextmanager
def running(**options: str) -> Iterator[Redis7]:
    """A Redis of its own, with an empty store that is gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="headrace-redis-") as directory,
        Redis7(Path(directory), **options) as server,
    ):
        yield server
