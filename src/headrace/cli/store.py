"""The store of a command that has no APP: where the settings or `--url` say, and never made by looking."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from headrace import storage
from headrace.app import App
from headrace.cli.failure import meant
from headrace.cli.options import Where
from headrace.core.commands import Command, QueueRecord
from headrace.core.errors import CannotOpen, NoSuchQueue
from headrace.storage.protocol import granted

A = TypeVar("A")


def opened(where: Where) -> App:
    """An app on the store, to be opened by `async with`; `CannotOpen` where it would be a new, empty file."""
    app = App(where.url)
    path = storage.file_of(app.settings.url or "")
    if path is not None and not Path(path).exists():
        raise CannotOpen(path=path, problem="there is no such file; name the store with --url or HEADRACE_URL")
    return app


async def ask(store: App, command: Command[A]) -> A:
    """The answer to one command; a refusal is raised."""
    reply = await store.storage.run(command)
    return granted(reply)


async def known(store: App, names: Sequence[str]) -> list[QueueRecord]:
    """The records of these queues; `NoSuchQueue`, with a suggestion, for one that is not there."""
    queues = {queue.name: queue for queue in await store.queues()}
    for name in names:
        if name not in queues:
            raise NoSuchQueue(f"there is no queue {name!r}{meant(name, queues)}", queue=name)
    return [queues[name] for name in names]
