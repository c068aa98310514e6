"""`headrace queues`: what is in them, and holding them."""

from collections.abc import Sequence
from typing import Annotated, Final

from cyclopts import Parameter
from msgspec import structs

from headrace.cli import emptying, keys, limiting, output, rates, retaining
from headrace.cli.failure import say
from headrace.cli.options import SHOWN, QueueName, Shown, noun
from headrace.cli.store import known, opened
from headrace.cli.text import instant, span
from headrace.core.commands import QueueRecord
from headrace.core.jobs import STATES

app = noun("queues", "See and hold queues.")

# In the order of STATES; short, because the name needs room too on 80 columns.
TITLES: Final = ("QUEUE", "PAUSED", "WAIT", "PRIO", "DELAY", "ACTIVE", "CHILD", "DONE", "FAILED", "OLDEST")


@app.command(name="list")
async def list_(*, common: Shown = SHOWN) -> None:
    """List the queues, with their jobs by state.

    Example: headrace queues list
    """
    async with opened(common) as store:
        queues = await store.queues()
    if common.json:
        output.document({"queues": [structs.asdict(queue) for queue in queues]})
    elif queues:
        output.table(TITLES, (_row(queue) for queue in queues))
    else:
        say("there are no queues yet")


@app.command
async def show(queue: QueueName, /, *, common: Shown = SHOWN) -> None:
    """Show a queue: its jobs by state, its workers, its rates, and the last hour.

    Example: headrace queues show emails
    """
    async with opened(common) as store:
        (found,) = await known(store, [queue])
        stats = await store.queue(queue).stats()
        tallied = await store.queue(queue).tallies(minutes=rates.MINUTES)
    if common.json:
        parts = {"workers": stats.workers, "tallies": tallied.tallies}
        lists = {key: [*map(structs.asdict, part)] for key, part in parts.items()}
        measured = {key: getattr(stats, key) for key in ("oldest", "rates", "wait", "run", "failed_share")}
        output.document(structs.asdict(found) | lists | {"stats": measured})
        return
    lines = [("queue", found.name), ("paused", "yes" if found.is_paused else "no")]
    if found.resting_until is not None:
        lines.append(("rests until", instant(found.resting_until)))
    lines += limiting.limit_lines(found.limits)
    lines += [(state, str(found.counts[state])) for state in STATES if state in found.counts]
    lines.append(("oldest", _age(found.oldest_ms)))
    if found.keep:
        lines.append(("keeps", retaining.said(found.keep)))
    lines += [("worker", f"{worker.id}, {worker.running} of {worker.concurrency} busy") for worker in stats.workers]
    lines += [] if stats.workers else [("worker", "none serves it")]
    if not tallied.tallies:
        output.pairs(lines)
        return
    output.pairs([*lines, *rates.recent(stats), ("last hour", rates.hour(tallied))])
    output.line("")
    output.table(rates.TITLES, rates.rows(tallied), cut="TASK")


@app.command
async def pause(
    queues: Annotated[list[str], Parameter(name="QUEUE", help="One or more.")], /, *, common: Shown = SHOWN
) -> None:
    """Hand out no more jobs of these queues; those that run go on.

    Example: headrace queues pause emails
    """
    await _hold(queues, common, is_paused=True)


@app.command
async def resume(
    queues: Annotated[list[str], Parameter(name="QUEUE", help="One or more.")], /, *, common: Shown = SHOWN
) -> None:
    """Hand out jobs of these queues again.

    Example: headrace queues resume emails
    """
    await _hold(queues, common, is_paused=False)


limiting.register(app)
emptying.register(app)
keys.register(app)
retaining.register(app)


async def _hold(names: Sequence[str], common: Shown, *, is_paused: bool) -> None:
    async with opened(common) as store:
        # A store makes a queue that is configured; a slip of the pen should not.
        await known(store, names)
        for name in names:
            queue = store.queue(name)
            await (queue.pause() if is_paused else queue.resume())
    word = "paused" if is_paused else "resumed"
    if common.json:
        output.document({word: list(names)})
    for name in names if not common.json else ():
        output.line(f"{name} {word}")


def _row(queue: QueueRecord) -> list[str]:
    paused = "paused" if queue.is_paused else "resting" if queue.resting_until is not None else "-"
    return [queue.name, paused, *(str(queue.counts.get(state, 0)) for state in STATES), _age(queue.oldest_ms)]


def _age(oldest_ms: int | None) -> str:
    return "-" if oldest_ms is None else span(oldest_ms)
