"""The program of a child process: `python -m headrace.child`, started by a worker and by nobody else.

It loads the app by its name, as the worker did, and runs the jobs that the worker gives it.
"""

import asyncio
import importlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType

from headrace.app import App
from headrace.client import Door
from headrace.core.errors import Misuse
from headrace.engine.home import Home
from headrace.engine.inside import Inside, Relay
from headrace.executors.child import tie
from headrace.executors.messages import Setup, heard


def main(ends: Sequence[str]) -> None:
    """Serve the worker at the other end of these two file descriptors until it is gone."""
    pipe, rope = map(int, ends)
    tie(rope)
    os.set_inheritable(pipe, False)  # the programs that jobs start hold nothing
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _left_to_the_worker)
    asyncio.run(_serve(socket.socket(fileno=pipe)))


async def _serve(pipe: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=pipe)
    setup = await heard(reader)
    if isinstance(setup, Setup):
        app = load(setup)
        home = Home()
        home.is_here()
        relay = Relay(writer, home)
        if isinstance(app.storage, Door):
            app.storage.lend(relay)
        await Inside(app.registry, relay, writer, home).serve(reader)


def load(setup: Setup) -> App:
    """The app with its tasks; whatever its code raises is for the worker's stderr."""
    sys.path[:] = setup.path
    for module in setup.modules:
        importlib.import_module(module)
    module, _, name = setup.app.partition(":")
    app = getattr(importlib.import_module(module), name, None)
    if not isinstance(app, App):
        raise Misuse(f"{setup.app} is no headrace.App in a child process, though it is one in the worker")
    for queue, task in setup.tasks:
        if app.registry.find(queue, task or "") is None:  # no task is called ""
            what = f"handler for jobs of {queue}" if task is None else f"task {queue}/{task}"
            raise Misuse(f"{setup.app} has no {what} in a child process, though it has in the worker")
    return app


def _left_to_the_worker(_: int, __: FrameType | None) -> None:
    """What stops a service reaches all its processes at once: here the worker decides what becomes of the job."""


if __name__ == "__main__":
    main(sys.argv[1:])
