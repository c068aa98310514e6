"""`headrace worker`: run the jobs of an app, in this process or in several."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Final, TypeAlias

from cyclopts import Parameter

from headrace.app import App
from headrace.cli.failure import Exit, Stop, say
from headrace.cli.limiting import rate_of
from headrace.cli.options import WHERE, Where, whole
from headrace.cli.processes import SIGNALS, Fleet, command_of, tie
from headrace.cli.target import Target, load
from headrace.cli.text import clean
from headrace.limits import Rate

PROCESSES_MAX: Final = 256
NAMED_MAX: Final = 8  # tasks named in the ready line

Queues: TypeAlias = Annotated[
    list[str] | None, Parameter(name=("--queue", "-q"), metavar="QUEUE", help="Serve this queue; may be repeated.")
]
Concurrency: TypeAlias = Annotated[
    int | None,
    Parameter(
        converter=whole,
        name=("--concurrency", "-c"),
        metavar="N",
        help="Jobs at once, if not as many as the settings say.",
    ),
]
Pace: TypeAlias = Annotated[
    str | None, Parameter(name="--rate", metavar="N/SPAN", help="Start no more jobs than this, in each process: 5/1s.")
]
Processes: TypeAlias = Annotated[
    int, Parameter(converter=whole, metavar="N", help="So many processes, restarted when they die: 1 if not given.")
]


async def worker(
    app: Target,
    /,
    *,
    queue: Queues = None,
    concurrency: Concurrency = None,
    rate: Pace = None,
    processes: Processes = 1,
    tie_: Annotated[int | None, Parameter(name="--tied-to", show=False)] = None,
    common: Where = WHERE,
) -> int:
    """Run the jobs of an app.

    TERM or Ctrl-C lets running jobs end; a second one hands them back at once, unburnt.

    Example: headrace worker jobs:app -q emails -q reports -c 50
    """
    if not 1 <= processes <= PROCESSES_MAX:
        raise Stop(f"--processes is {processes}; it lies between 1 and {PROCESSES_MAX}")
    pace = None if rate is None else rate_of(rate)
    if processes > 1:
        return await Fleet(command_of(app, queue, concurrency, rate, common), processes).run()
    if tie_ is not None:
        tie(tie_)
    found = load(app, common.url)
    _keep_log()
    async with found:
        await _work(found, queue or (), concurrency, pace)
    return Exit.OK


def _keep_log() -> None:
    """Let what a worker logs be seen, unless the app's own code has decided where it goes."""
    root, ours = logging.getLogger(), logging.getLogger("headrace")
    if not root.handlers and not ours.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Plain("%(asctime)s %(levelname)s %(message)s"))
        root.addHandler(handler)
        ours.setLevel(logging.INFO)


async def _work(app: App, queues: Sequence[str], concurrency: int | None, rate: Rate | None) -> None:
    guard = _Guard()

    def ready() -> None:
        guard.is_passed = True
        say(f"worker {made.id} ready: {_served(app, queues)}")

    app.on("started")(ready)
    made = app.worker(*queues, concurrency=concurrency, rate=rate)
    guard.stand()
    await made.run()


def _served(app: App, queues: Sequence[str]) -> str:
    sources = app.registry.sources(queues or app.registry.queues())
    tasks = sorted({name for source in sources for name in source.names or ("any",)})
    more = f" and {len(tasks) - NAMED_MAX} more" if len(tasks) > NAMED_MAX else ""
    return f"queues {', '.join(source.queue for source in sources)}; tasks {', '.join(tasks[:NAMED_MAX])}{more}"


class _Guard:
    """What a signal does where the worker does not listen: before it is ready it ends the process, after it nothing.

    So a third signal, or one that comes while the store is being closed, spoils nothing.
    """

    def __init__(self) -> None:
        self.is_passed = False

    def stand(self) -> None:
        """Listen from now until the process ends."""
        for number in SIGNALS:
            signal.signal(number, self._signalled)

    def _signalled(self, number: int, _: FrameType | None) -> None:
        if not self.is_passed:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


class _Plain(logging.Formatter):
    """Log lines in which nothing steers the terminal; tracebacks keep their lines."""

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record), lines=True)
