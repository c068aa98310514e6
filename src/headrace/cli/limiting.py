"""`headrace queues limit`: set, lift and show the limits of a queue."""

from typing import Annotated, Final, TypeAlias

from cyclopts import App, Parameter
from msgspec import UNSET, UnsetType, structs

from headrace.cli import output
from headrace.cli.failure import Stop, say
from headrace.cli.options import SHOWN, QueueName, Shown, seconds
from headrace.cli.store import known, opened
from headrace.core import limits as core
from headrace.limits import Capacity, Rate

Count: TypeAlias = str | None
DIGITS_MAX: Final = 13  # of a number; the largest limit, 2^40, has as many
SHOWN_MAX: Final = 40  # characters of what was given that a complaint repeats


def register(app: App) -> None:
    """Put the verb below its noun."""
    app.command(limit)


async def limit(
    queue: QueueName,
    /,
    *,
    concurrency: Annotated[Count, Parameter(metavar="N", help="Jobs that run at once.")] = None,
    rate: Annotated[str | None, Parameter(metavar="N/SPAN", help="Starts in a span: 100/1s, 5000/1h.")] = None,
    max_waiting: Annotated[Count, Parameter(metavar="N", help="Jobs that wait; more are refused.")] = None,
    per_key: Annotated[
        str | None, Parameter(metavar="MEMBER", help="Member of the data that tells tenants apart.")
    ] = None,
    running: Annotated[Count, Parameter(metavar="N", help="Of one key: jobs that run at once.")] = None,
    waiting: Annotated[Count, Parameter(metavar="N", help="Of one key: jobs that wait.")] = None,
    common: Shown = SHOWN,
) -> None:
    """Set limits of a queue, for all workers and producers together, and show them.

    What is not given stays; `none` lifts a limit.

    Example: headrace queues limit emails --concurrency 10 --rate 100/1s
    """
    if per_key in (None, "none") and (running is not None or waiting is not None):
        raise Stop("--running and --waiting belong to a key; say which: --per-key MEMBER")
    async with opened(common) as store:
        await known(store, [queue])
        await store.queue(queue).limit(
            concurrency=_count("--concurrency", concurrency),
            rate=UNSET if rate is None else rate_of(rate),
            max_waiting=_count("--max-waiting", max_waiting),
            per_key=_per_key(per_key, running, waiting),
        )
        (found,) = await known(store, [queue])
    if common.json:
        output.document({"queue": queue, "limits": structs.asdict(found.limits)})
        return
    lines = limit_lines(found.limits)
    if lines:
        output.pairs([("queue", queue), *lines])
    else:
        say(f"{queue} has no limits")


def limit_lines(limits: core.Limits) -> list[tuple[str, str]]:
    """The limits that a queue has, a line each."""
    lines: list[tuple[str, str]] = []
    if limits.concurrency is not None:
        lines.append(("concurrency", str(limits.concurrency)))
    if limits.rate is not None:
        lines.append(("rate", rate_text(limits.rate)))
    if limits.max_waiting is not None:
        lines.append(("max waiting", str(limits.max_waiting)))
    for member, capacity in (limits.per_key or {}).items():
        parts = (("running", capacity.running), ("waiting", capacity.waiting))
        bounds = ", ".join(f"{word} {most}" for word, most in parts if most is not None)
        lines.append((f"per {member}", bounds or "take turns"))
    return lines


def _count(option: str, text: str | None) -> int | UnsetType | None:
    if text is None:
        return UNSET
    if text == "none":
        return None
    if not _is_number(text):
        raise Stop(f"{option} {text[:SHOWN_MAX]!r} is no whole number up to 2^40; to lift the limit, say none")
    return int(text)


def _is_number(text: str) -> bool:
    """Whether it is a whole number, and not one so long that Python refuses to read it."""
    return text.isdecimal() and len(text) <= DIGITS_MAX


def rate_text(rate: core.Rate) -> str:
    """A rate as it is told: `100 in 1 s`."""
    return f"{rate.most} in {rate.per_ms / 1000:g} s"


def rate_of(text: str) -> Rate | None:
    """The rate that `100/1s` means, or none; `Stop` for anything else."""
    if text == "none":
        return None
    count, _, span = text.partition("/")
    if not _is_number(count) or not span:
        raise Stop(f"--rate {text[:SHOWN_MAX]!r} is not of the form N/SPAN, as 100/1s is; to lift the limit, say none")
    return Rate(int(count), seconds("--rate", span))


def _per_key(member: str | None, running: str | None, waiting: str | None) -> dict[str, Capacity] | UnsetType | None:
    if member is None:
        return UNSET
    if member == "none":
        return None
    bounds = [_count(option, text or "none") for option, text in (("--running", running), ("--waiting", waiting))]
    return {member: Capacity(*(None if bound is UNSET else bound for bound in bounds))}
