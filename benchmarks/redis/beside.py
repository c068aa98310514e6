"""Headrace and BullMQ by turns: who processes, adds and starts how fast, and what that costs the server."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

from benchmarks.bench import Bench
from benchmarks.figure import Figure, Goal, Limit, Unit
from benchmarks.redis.peers import OURS, Peer, Sample, bullmq, port, take
from benchmarks.redis.server import Server, emptied, running, used_memory
from tests.interop import node
from tests.servers.process import CannotRun

COUNTS: Final = {100: 60_000, 10: 40_000, 1: 10_000}  # jobs in a sample, by concurrency: a few seconds of BullMQ
FASTER: Final = {100: 2.0, 10: 1.5, 1: 1.1}
SLOW: Final = 4  # the Python port is given so many times fewer
COMMANDS_MAX: Final = 0.05  # sent for a job at 100
PROCESSOR_MAX: Final = 0.6  # of what the server spends on BullMQ's
ADDS: Final = {1: (4_000, 1.0), 100: (20_000, 1.5)}  # jobs and goal, by callers
BULKS: Final = (100_000, 3.0)
SIZED: Final = 100_000
HELD: Final = 10_000
WAITS: Final = 300
TO_START_MS: Final = (1.0, 5.0)  # p50, p99


@dataclass
class Duel:
    """Some figures of ours with those of a peer, from the same samples."""

    server: Server
    peer: Peer
    figures: Sequence[tuple[Figure, Callable[[Sample], float]]]

    def turn(self, prepare: Callable[[Peer, int], None], verb: str, count: int, *, part: int = 1, **given: int) -> None:
        """Ours, then the peer's; each on an emptied server."""
        for who, limit in ((OURS, False), (self.peer, True)):
            jobs = count // (part if limit else 1)
            emptied(self.server)
            prepare(who, jobs)
            sample = take(who, self.server, verb, count=jobs, **given)
            for figure, value in self.figures:
                samples = figure.limit.samples if limit and figure.limit else figure.samples
                samples.append(value(sample) / (jobs if value in PER_JOB else 1))


def rate(sample: Sample) -> float:
    return float(sample.answer["rate"])


def worker_us(sample: Sample) -> float:
    return float(sample.answer["processor_us"])


def commands(sample: Sample) -> float:
    return float(sample.spent.commands)


def server_us(sample: Sample) -> float:
    return sample.spent.processor_s * 1e6


PER_JOB: Final = frozenset({commands, server_us})


def on_valkey(bench: Bench) -> list[Figure]:
    """The Redis store and BullMQ, by turns on the Valkey of a wheel, which has the allocator of the C library."""
    return beside_bullmq(bench, "redis")


def on_redis7(bench: Bench) -> list[Figure]:
    """The same on a Redis 7 as distributions package it, with jemalloc, where it is installed."""
    return beside_bullmq(bench, "redis7")


def beside_bullmq(bench: Bench, name: str) -> list[Figure]:
    """All figures on one server; one without samples where the server, or BullMQ, is not to be had."""
    try:
        with running(name) as server:
            return _measured(bench, server, bullmq())
    except (CannotRun, node.CannotRun) as reason:
        return [Figure(name, name, "jobs/s", note=str(reason))]


def _measured(bench: Bench, server: Server, peer: Peer) -> list[Figure]:
    figures = [
        *(figure for each in COUNTS for figure in processed(bench, server, peer, each)),
        *(figure for each in COUNTS for figure in processed(bench, server, peer, each, held=bench.amount(HELD))),
        *(figure for each in ADDS for figure in added(bench, server, peer, each)),
        *added(bench, server, peer, 0),
        *to_start(bench, server, peer),
        memory(bench, server, peer),
    ]
    with suppress(node.CannotRun):
        python = port()
        figures += [processed(bench, server, python, each, part=SLOW)[0] for each in COUNTS]
    return figures


def processed(
    bench: Bench, server: Server, peer: Peer, concurrency: int, *, held: int = 0, part: int = 1
) -> list[Figure]:
    """Jobs that wait, by one worker process; beside `held` that run elsewhere for long."""
    name = f"{concurrency}{'-held' if held else ''}{'-port' if part > 1 else ''}"
    title = f"processed, {concurrency}; {held:,} run" if held else f"processed, {concurrency} at once"
    faster = None if part > 1 else Goal(FASTER[concurrency], "of the limit at least")
    few = Goal(COMMANDS_MAX, "at most") if concurrency == max(COUNTS) else None
    cheap = Goal(PROCESSOR_MAX, "of the limit at most")
    figures = [
        _figure(server, name, title, "jobs/s", peer, faster),
        _figure(server, f"{name}-commands", "  commands for a job", "commands", peer, few),
        _figure(server, f"{name}-server", "  server, processor a job", "µs", peer, cheap),
        _figure(server, f"{name}-worker", "  worker, processor a job", "µs", peer, None),
    ]
    duel = Duel(server, peer, list(zip(figures, (rate, commands, server_us, worker_us), strict=True)))

    def prepare(who: Peer, count: int) -> None:
        if held:
            take(OURS, server, "hold", count=held)
        take(who, server, "add_bulk", count=count)

    for _ in range(bench.times()):
        duel.turn(prepare, "drain", bench.amount(COUNTS[concurrency]), part=part, concurrency=concurrency)
    return figures


def added(bench: Bench, server: Server, peer: Peer, tasks: int) -> list[Figure]:
    """Jobs added by so many callers, one at a time; or by one in bulk."""
    count, faster = ADDS.get(tasks, BULKS)
    title = {0: "added, 1,000 at once", 1: "added one by one"}.get(tasks, f"added singly, {tasks} callers")
    goal = Goal(faster, "of the limit at least")
    figures = [
        _figure(server, f"add-{tasks or 'bulk'}", title, "jobs/s", peer, goal),
        _figure(server, f"add-{tasks or 'bulk'}-server", "  server, processor a job", "µs", peer, None),
    ]
    duel = Duel(server, peer, list(zip(figures, (rate, server_us), strict=True)))
    for _ in range(bench.times()):
        if tasks:
            duel.turn(_nothing, "add_single", bench.amount(count), tasks=tasks)
        else:
            duel.turn(_nothing, "add_bulk", bench.amount(count))
    return figures


def to_start(bench: Bench, server: Server, peer: Peer) -> list[Figure]:
    """From an add to the first line of the handler; worker idle, one process."""
    figures = [
        _figure(server, f"start-{name}", f"to start, {name}", "ms", peer, Goal(most, "at most"))
        for name, most in zip(("p50", "p99"), TO_START_MS, strict=True)
    ]
    duel = Duel(server, peer, list(zip(figures, (_middle, _late), strict=True)))
    for _ in range(bench.times(3)):
        duel.turn(_nothing, "latency", bench.amount(WAITS))
    return figures


def memory(bench: Bench, server: Server, peer: Peer) -> Figure:
    """What a waiting job takes of the server's memory."""
    figure = _figure(server, "memory", "memory, a waiting job", "bytes", peer, Goal(1.0, "of the limit at most"))
    count = bench.amount(SIZED)
    for who, samples in ((OURS, figure.samples), (peer, figure.limit.samples if figure.limit else [])):
        emptied(server)
        before = used_memory(server)
        take(who, server, "add_bulk", count=count)
        samples.append((used_memory(server) - before) / count)
    return figure


def _figure(server: Server, name: str, title: str, unit: Unit, peer: Peer, goal: Goal | None) -> Figure:
    return Figure(f"{server.name}-{name}", title, unit, limit=Limit(peer.title), goal=goal, server=server.title)


def _nothing(_: Peer, __: int) -> None:
    pass


def _middle(sample: Sample) -> float:
    return median(_waits(sample))


def _late(sample: Sample) -> float:
    return quantiles(_waits(sample), n=100, method="inclusive")[98]


def _waits(sample: Sample) -> Iterable[float]:
    return [float(wait) for wait in sample.answer["ms"]]
