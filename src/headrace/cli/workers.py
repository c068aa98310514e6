"""`headrace workers`: who they are, and telling them what to do."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeAlias, cast

from cyclopts import Parameter
from msgspec import to_builtins

from headrace.cli import output
from headrace.cli.failure import Exit, Stop, complain, say
from headrace.cli.limiting import rate_of, rate_text
from headrace.cli.options import SHOWN, Shown, noun, seconds, whole
from headrace.cli.store import opened
from headrace.cli.text import instant, span
from headrace.core.commands import WorkerRecord
from headrace.core.orders import NoAnswer, OrderWaits
from headrace.workers import Workers

app = noun("workers", "See workers, and tell them what to do.")

Some: TypeAlias = Annotated[
    list[str] | None, Parameter(name="WORKER", help="Their ids, or beginnings that no other has.")
]
Timeout: TypeAlias = Annotated[str, Parameter(metavar="SPAN", help="How long to wait for answers.")]
All: TypeAlias = Annotated[bool, Parameter(name="--all", help="All workers of the store.")]
Ask: TypeAlias = Callable[..., Awaitable[dict[str, Any]]]


@app.command(name="list")
async def list_(*, common: Shown = SHOWN) -> None:
    """List the workers that live, as they were at their last beat, some seconds ago.

    Example: headrace workers list
    """
    async with opened(common) as store:
        found = await store.workers.list()
    if common.json:
        output.document({"workers": to_builtins(found)})
    elif found:
        output.table(("WORKER", "STATE", "BUSY", "OF", "LAG", "MEMORY", "QUEUES"), map(_row, found), cut="QUEUES")
    else:
        say("no worker lives; start one with: headrace worker APP")


@app.command
async def show(worker: Annotated[str, Parameter(name="WORKER", help="Its id.")], /, *, common: Shown = SHOWN) -> None:
    """Show a worker: where it runs, what it serves, and which jobs it has in hand.

    Example: headrace workers show web-1-4711-8a1f03c2
    """
    async with opened(common) as store:
        found = await store.workers.get(worker)
    if common.json:
        output.document(to_builtins(found))
        return
    tasks = [f"{source.queue}: {', '.join(source.names) if source.names else 'any'}" for source in found.sources]
    output.pairs(
        [
            ("worker", found.id),
            ("state", _state(found)),
            ("host", f"{found.host}, process {found.pid}, Headrace {found.version}"),
            ("since", instant(found.started_at)),
            ("seen", f"{span(found.silent_ms)} ago"),
            ("busy", f"{found.running} of {found.concurrency}, {found.processed} done"),
            *(("rate", f"{rate_text(rate)} at most") for rate in (found.rate,) if rate is not None),
            ("loop", f"blocked for {span(found.blocked_ms)}" if found.blocked_ms else f"{found.lag_ms} ms late"),
            ("memory", _mebibytes(found)),
            *(("serves", line) for line in tasks),
            *(("job", str(job)) for job in found.jobs),
        ]
    )


@app.command
async def ping(workers: Some = None, /, *, timeout: Timeout = "5", common: Shown = SHOWN) -> int:
    """Ask workers, or all, how they are now. Exit code 1 if one does not answer in time.

    Example: headrace workers ping
    """
    return await _tell(lambda desk: desk.ping, workers or (), timeout, common)


@app.command
async def pause(workers: Some = None, /, *, all_: All = False, timeout: Timeout = "5", common: Shown = SHOWN) -> int:
    """Let workers claim no jobs until they are resumed; what runs goes on.

    Example: headrace workers pause web-1-4711
    """
    return await _tell(lambda desk: desk.pause, workers or (), timeout, common, all_)


@app.command
async def resume(workers: Some = None, /, *, all_: All = False, timeout: Timeout = "5", common: Shown = SHOWN) -> int:
    """Let workers claim again.

    Example: headrace workers resume --all
    """
    return await _tell(lambda desk: desk.resume, workers or (), timeout, common, all_)


@app.command
async def drain(workers: Some = None, /, *, all_: All = False, timeout: Timeout = "5", common: Shown = SHOWN) -> int:
    """Let workers claim no more, and end when what runs has ended.

    One of several --processes is started again, with the code as it is then.

    Example: headrace workers drain web-1-4711
    """
    return await _tell(lambda desk: desk.drain, workers or (), timeout, common, all_)


@app.command
async def stop(workers: Some = None, /, *, all_: All = False, timeout: Timeout = "5", common: Shown = SHOWN) -> int:
    """Let workers hand back what runs, to the front of its queue, and end.

    Example: headrace workers stop web-1-4711
    """
    return await _tell(lambda desk: desk.stop, workers or (), timeout, common, all_)


@app.command(name="set")
async def set_(
    workers: Some = None,
    /,
    *,
    concurrency: Annotated[
        int | None, Parameter(converter=whole, name=("--concurrency", "-c"), metavar="N", help="Jobs at once.")
    ] = None,
    rate: Annotated[str | None, Parameter(metavar="N/SPAN", help="Starts of each in a span: 5/1s; or none.")] = None,
    all_: All = False,
    timeout: Timeout = "5",
    common: Shown = SHOWN,
) -> int:
    """Change how many jobs workers run at once, or their rate, until they start anew.

    Example: headrace workers set web-1-4711 -c 50
    """
    if (concurrency is None) == (rate is None):
        raise Stop("give one of --concurrency and --rate")
    pace = None if rate is None else rate_of(rate)

    def asked(desk: Workers) -> Ask:
        async def ask(*names: str, timeout: float) -> dict[str, Any]:
            if concurrency is None:
                return await desk.set_rate(pace, *names, timeout=timeout)
            return await desk.set_concurrency(concurrency, *names, timeout=timeout)

        return ask

    return await _tell(asked, workers or (), timeout, common, all_)


@app.command
async def stacks(workers: Some = None, /, *, timeout: Timeout = "5", common: Shown = SHOWN) -> int:
    """Show where each thread and each task of workers, or of all, is now.

    Example: headrace workers stacks web-1-4711
    """
    return await _tell(lambda desk: desk.stacks, workers or (), timeout, common)


async def _tell(
    ask: Callable[[Workers], Ask], names: Sequence[str], timeout: str, common: Shown, is_all: bool | None = None
) -> int:
    """Tell those workers something and print what they say; `is_all` is None where no names are all anyway."""
    if is_all is not None and is_all == bool(names):
        raise Stop("name the workers, or give --all")
    within, failed = seconds("--timeout", timeout), None
    async with opened(common) as store:
        chosen = names or [worker.id for worker in await store.workers.list()]
        try:
            answers = await ask(store.workers)(*chosen, timeout=within) if chosen else {}
        except (NoAnswer, OrderWaits) as error:
            failed, answers = error, cast("dict[str, Any]", error.answers)
    _print(answers, common)
    if not chosen:
        say("no worker lives; start one with: headrace worker APP")
    if failed is None:
        return Exit.OK
    complain(str(failed), failed.code)
    return Exit.FAILED


def _print(answers: dict[str, Any], common: Shown) -> None:
    if common.json:
        output.document({"answers": to_builtins(answers)})
        return
    records = [answer for answer in answers.values() if isinstance(answer, WorkerRecord)]
    if records:
        output.table(("WORKER", "STATE", "BUSY", "OF", "LAG", "MEMORY", "QUEUES"), map(_row, records), cut="QUEUES")
    texts = {worker: answer for worker, answer in answers.items() if isinstance(answer, str)}
    if texts:
        output.pairs(texts.items())


def _row(worker: WorkerRecord) -> tuple[str, ...]:
    queues = ",".join(source.queue for source in worker.sources)
    busy, most = str(worker.running), str(worker.concurrency)
    lag = f"blocked {span(worker.blocked_ms)}" if worker.blocked_ms else f"{worker.lag_ms}ms"
    return worker.id, _state(worker), busy, most, lag, _mebibytes(worker), queues


def _state(worker: WorkerRecord) -> str:
    return "silent" if worker.is_silent else worker.state


def _mebibytes(worker: WorkerRecord) -> str:
    return f"{worker.memory / 2**20:.0f} MiB" if worker.memory else "-"
