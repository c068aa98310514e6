"""`headrace bench`: what Headrace does here, on this disk or this server, beside what that does at best."""

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final

from msgspec import Struct, structs

from headrace import storage
from headrace.cli import measures, output
from headrace.cli.failure import Exit, Stop
from headrace.cli.grounds import Ground, disk, server
from headrace.cli.options import SHOWN, Shown
from headrace.config import settle
from headrace.core.settings import masked

TASKS: Final = 100  # that add jobs at the same time
COUNTS: Final[Mapping[str, int]] = {
    "bulk": 20_000,
    "single": 6_000,
    "latency": 50,
    "100": 15_000,
    "10": 5_000,
    "1": 800,
}
WIDTH: Final = 9  # of a number


class Figure(Struct, frozen=True):
    """What was measured, in jobs a second or in milliseconds; `raw` is what disk or server did with as many at once."""

    name: str
    title: str
    value: float
    unit: str
    raw: float | None = None


async def bench(*, common: Shown = SHOWN) -> int:
    """Measure what Headrace does on this machine, in some seconds.

    It uses a file of its own on the disk of the store, or a prefix of its own on its server; the store is not touched.

    Example: headrace bench
    """
    async with _ground(common.url) as ground:
        with _progress() as step:
            figures = await _measured(ground, step)
        said, about = ground.said, ground.about
    if common.json:
        output.document({**about, "figures": [structs.asdict(figure) for figure in figures]})
        return Exit.OK
    output.line(f"on {said}")
    output.table(("WHAT", "FIGURE".rjust(WIDTH), "UNIT", "RAW".rjust(WIDTH)), (_row(figure) for figure in figures))
    return Exit.OK


async def _measured(ground: Ground, step: Callable[[str], object]) -> list[Figure]:
    step("adding")
    raw = await ground.raw(measures.BULK)
    async with ground.shop("bulk") as place:
        bulk = await measures.add_many(place, count=COUNTS["bulk"])
    figures = [Figure("bulk", f"added, {measures.BULK:,} at once", bulk["rate"], "jobs/s", raw)]
    raw = await ground.raw(TASKS)
    async with ground.shop("single") as place:
        single = await measures.add_single(place, count=COUNTS["single"], tasks=TASKS)
    figures.append(Figure("single", f"added singly, {TASKS} callers", single["rate"], "jobs/s", raw))
    for concurrency in (100, 10, 1):
        step(f"processing, {concurrency} at once")
        count = COUNTS[str(concurrency)]
        async with ground.shop(str(concurrency)) as place:
            await measures.fill(place, count=count)
            raw = await ground.raw(concurrency)
            answer = await measures.drain(place, concurrency=concurrency, count=count)
        title = f"processed, {concurrency} at once"
        figures.append(Figure(f"processed-{concurrency}", title, answer["rate"], "jobs/s", raw))
    step("waiting")
    lone = await ground.lone_ms()
    async with ground.shop("latency") as place:
        waits = (await measures.latency(place, count=COUNTS["latency"]))["ms"]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        value = measures.percentile(waits, share)
        figures.append(Figure(f"latency-{name}", f"from add to start, {name}", value, "ms", lone))
    return figures


def _ground(url: str | None) -> AbstractAsyncContextManager[Ground]:
    """The server of the store, or the disk of its file, or that of temporary files."""
    settings = settle(None, url=url, prefix=None).settings
    place = settings.url or ""
    if storage.has_server(place):
        return server(place, settings.prefix)
    return disk(_folder(place))


def _folder(place: str) -> Path:
    """The folder of the store, or that of temporary files for a store without a file."""
    path = storage.file_of(place)
    if path is None:
        if not place.startswith(("memory:", "sqlite:")):
            raise Stop(f"it measures SQLite and Redis, and not {masked(place)}; name another with --url")
        return Path(gettempdir())
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise Stop(f"the directory {folder} does not exist; create it, or name another with --url", exit=Exit.NOT_FOUND)
    return folder


def _progress() -> Any:
    """What is measured now, on a line of a terminal that goes away."""
    if not sys.stderr.isatty():
        return nullcontext(lambda _: None)
    from rich.console import Console

    return _Line(Console(stderr=True))


class _Line:
    def __init__(self, console: Any) -> None:
        self._status = console.status("")

    def __enter__(self) -> Callable[[str], object]:
        self._status.start()
        return lambda text: self._status.update(f"measuring {text}")

    def __exit__(self, *ended: object) -> None:
        self._status.stop()


def _row(figure: Figure) -> tuple[str, ...]:
    digits = 0 if figure.unit == "jobs/s" else 2
    raw = "-" if figure.raw is None else f"{figure.raw:,.{digits}f}"
    return figure.title, f"{figure.value:,.{digits}f}".rjust(WIDTH), figure.unit, raw.rjust(WIDTH)
