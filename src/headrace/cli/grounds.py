"""What `headrace bench` measures on: the disk of a folder, or a server, also with nothing of ours in the way."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

from headrace import storage
from headrace.cli.measures import Place
from headrace.core.settings import Settings
from headrace.storage.protocol import BareServer

OWN: Final = "headrace-bench-"


class Ground(Protocol):
    """Where is measured."""

    said: str
    """For people."""
    about: Mapping[str, str]
    """For machines."""

    def shop(self, name: str) -> AbstractAsyncContextManager[Place]:
        """Room for the jobs of one measurement."""
        ...

    async def raw(self, rows: int) -> float:
        """How many small rows it writes in a second just now, `rows` at once: other programs use it, too."""
        ...

    async def lone_ms(self) -> float:
        """How long it takes to write one after a pause."""
        ...


class Disk:
    """Files in a folder of their own."""

    def __init__(self, parent: Path, folder: Path) -> None:
        self._folder = folder
        self.said = f"the disk of {parent}; raw is SQLite alone, with as many rows a commit"
        self.about: Mapping[str, str] = {"folder": str(parent)}

    @asynccontextmanager
    async def shop(self, name: str) -> AsyncGenerator[Place]:
        yield self._folder / f"{name}.db"

    async def raw(self, rows: int) -> float:
        return await asyncio.to_thread(storage.rows_per_second, self._folder, rows)

    async def lone_ms(self) -> float:
        return await asyncio.to_thread(storage.lone_commit_ms, self._folder)


class Server:
    """Keys under a prefix of their own, below that of the store, where its user may write."""

    def __init__(self, url: str, bare: BareServer) -> None:
        self._url = url
        self._bare = bare
        self.said = f"the server at {bare.address}; raw is the server alone, with as many writes a round trip"
        self.about: Mapping[str, str] = {"server": bare.address}

    @asynccontextmanager
    async def shop(self, name: str) -> AsyncGenerator[Place]:
        prefix = f"{self._bare.prefix}:{name}"
        try:
            yield Settings(url=self._url, prefix=prefix)
        finally:
            await self._bare.clear(prefix)

    async def raw(self, rows: int) -> float:
        return await self._bare.writes_per_second(rows)

    async def lone_ms(self) -> float:
        return await self._bare.lone_write_ms()


@asynccontextmanager
async def disk(parent: Path) -> AsyncGenerator[Ground]:
    """A folder in this one, which is gone afterwards."""
    with TemporaryDirectory(prefix=f".{OWN}", dir=parent) as folder:
        yield Disk(parent, Path(folder))


@asynccontextmanager
async def server(url: str, prefix: str | None) -> AsyncGenerator[Ground]:
    """A prefix on this server, which has no keys afterwards."""
    async with storage.bare(url, prefix, f"{OWN}{os.urandom(4).hex()}") as bare:
        yield Server(url, bare)
