"""`headrace jobs retry | promote | cancel | remove | move | set`: what is done to jobs by hand."""

from typing import Annotated, TypeAlias

import msgspec
from cyclopts import App, Parameter

from headrace.cli.failure import Stop
from headrace.cli.moves import Deed, annotating, do, moving, removing
from headrace.cli.options import SWEEPING, Sweeping, seconds
from headrace.core import codec
from headrace.core.backoff import DELAY_MAX_MS
from headrace.core.commands import Annotate, Move
from headrace.core.jobs import PRIORITY_MAX, JobRef
from headrace.core.names import check_queue
from headrace.engine.failures import cancelled
from headrace.spans import count_of, span_ms

Jobs: TypeAlias = Annotated[list[str] | None, Parameter(name="JOB", help="One or more, as QUEUE/ID.")]
Where: TypeAlias = Annotated[
    str | None, Parameter(metavar="QUERY", help="All jobs that fit, such as 'failed name:send*', in place of JOB.")
]
_NOBODY = JobRef("", "")


def register(app: App) -> None:
    """Put these verbs below their noun."""
    for verb in (retry, promote, cancel, remove, move, set_):
        app.command(verb, name=verb.__name__.rstrip("_"))


async def retry(jobs: Jobs = None, /, *, where: Where = None, common: Sweeping = SWEEPING) -> int:
    """Run finished jobs again, with all their attempts.

    Example: headrace jobs retry emails/7 emails/8
    """
    deed = Deed("retry", "retried", moving(Move((), "retry")), lambda found, told: found.retry(progress=told))
    return await do(deed, jobs or (), where, common)


async def promote(jobs: Jobs = None, /, *, where: Where = None, common: Sweeping = SWEEPING) -> int:
    """Let delayed jobs run now.

    Example: headrace jobs promote emails/9
    """
    deed = Deed("promote", "promoted", moving(Move((), "promote")), lambda found, told: found.promote(progress=told))
    return await do(deed, jobs or (), where, common)


async def cancel(
    jobs: Jobs = None,
    /,
    *,
    where: Where = None,
    reason: Annotated[str, Parameter(metavar="TEXT", help="What the job will say of its failure.")] = "cancelled",
    common: Sweeping = SWEEPING,
) -> int:
    """Fail jobs with the cause `cancelled`.

    The worker of a job that runs is asked to; that takes a moment.

    Example: headrace jobs cancel emails/7 --reason "sent by hand"
    """
    act = moving(Move((), "cancel", failure=cancelled(reason)))
    deed = Deed("cancel", "cancelled", act, lambda found, told: found.cancel(reason, progress=told))
    return await do(deed, jobs or (), where, common)


async def remove(
    jobs: Jobs = None,
    /,
    *,
    where: Where = None,
    children: Annotated[
        bool, Parameter(negative="", help="And all jobs below them, in one step; named jobs only.")
    ] = False,
    common: Sweeping = SWEEPING,
) -> int:
    """Remove jobs, unless they run.

    All that is known of them goes. Their children stay, unless asked otherwise.

    Example: headrace jobs remove emails/7
    """
    sweep = None if children else lambda found, told: found.remove(progress=told)
    verb = "remove --children" if children else "remove"
    return await do(Deed(verb, "removed", removing(with_children=children), sweep), jobs or (), where, common)


async def move(
    jobs: Jobs = None,
    /,
    *,
    to: Annotated[str, Parameter(metavar="QUEUE", help="Where they go.")],
    where: Where = None,
    common: Sweeping = SWEEPING,
) -> int:
    """Move jobs to another queue, with all that is known of them.

    Not those that run or belong to a flow. Jobs without an id of their own get a new one.

    Example: headrace jobs move emails/7 --to emails-later
    """
    act = moving(Move((), "move", to=check_queue(to)))
    deed = Deed("move", "moved", act, lambda found, told: found.move(to, progress=told))
    return await do(deed, jobs or (), where, common)


async def set_(
    jobs: Jobs = None,
    /,
    *,
    where: Where = None,
    priority: Annotated[int | None, Parameter(metavar="N", help="1 is first, 0 before all.")] = None,
    delay: Annotated[str | None, Parameter(metavar="SPAN", help="Run so much later from now: 30, 15m.")] = None,
    data: Annotated[str | None, Parameter(metavar="JSON", help="New data; named jobs only.")] = None,
    note: Annotated[str | None, Parameter(metavar="JSON", help="Notes to merge; named jobs only.")] = None,
    common: Sweeping = SWEEPING,
) -> int:
    """Change one thing of jobs: their priority, delay, data or notes.

    Example: headrace jobs set emails/9 --priority 1
    """
    if sum(value is not None for value in (priority, delay, data, note)) != 1:
        raise Stop("give one of --priority, --delay, --data, --note")
    return await do(_change(priority, delay, data, note), jobs or (), where, common)


def _change(priority: int | None, delay: str | None, data: str | None, note: str | None) -> Deed:
    """The deed for the one thing that is given."""
    if priority is not None:
        first = count_of("--priority", priority, 0, PRIORITY_MAX)
        act = moving(Move((), "prioritise", priority=first))
        return Deed("set", "set", act, lambda found, told: found.change_priority(first, progress=told))
    if delay is not None:
        span = seconds("--delay", delay)
        act = moving(Move((), "delay", delay_ms=span_ms("--delay", span, DELAY_MAX_MS)))
        return Deed("set", "set", act, lambda found, told: found.change_delay(span, progress=told))
    if data is not None:
        return Deed("set --data", "set", annotating(Annotate(_NOBODY, data=_json("--data", data))), None)
    assert note is not None
    text = _json("--note", note)
    if not isinstance(codec.decode(text), dict):
        raise Stop('--note is no JSON object; write for instance \'{"by": "me"}\'')
    return Deed("set --note", "set", annotating(Annotate(_NOBODY, notes=text)), None)


def _json(option: str, text: str) -> str:
    try:
        value = codec.decode(text)
    except msgspec.DecodeError as error:
        raise Stop(f"{option} {text!r} is no JSON: {error}") from None
    return codec.encode(value, option)
