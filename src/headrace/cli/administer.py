"""`headrace jobs retry | promote | cancel | remove | move | set`: what is done to jobs by hand."""

from typing import Annotated, TypeAlias

import msgspec
from cyclopts import App, Parameter

from headrace.annotations import WHOEVER
from headrace.cli.failure import Stop
from headrace.cli.moves import Deed, annotating, do, moving, removing
from headrace.cli.options import SWEEPING, Sweeping, seconds, whole
from headrace.cli.record import ref
from headrace.core import codec
from headrace.core.backoff import DELAY_MAX_MS
from headrace.core.commands import Annotate, Move
from headrace.core.jobs import PRIORITY_MAX
from headrace.core.names import check_queue
from headrace.engine.failures import cancelled
from headrace.spans import count_of, span_ms

Jobs: TypeAlias = Annotated[list[str] | None, Parameter(name="JOB", help="One or more, as QUEUE/ID.")]
Where: TypeAlias = Annotated[
    str | None, Parameter(metavar="QUERY", help="All jobs that fit, such as 'failed name:send*', in place of JOB.")
]


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
    for job in jobs or ():
        if ref(job).queue == to:
            raise Stop(f"{job} is in {to!r} already; nothing was moved")
    deed = Deed("move", "moved", act, lambda found, told: found.move(to, progress=told))
    return await do(deed, jobs or (), where, common)


async def set_(
    jobs: Jobs = None,
    /,
    *,
    where: Where = None,
    priority: Annotated[int | None, Parameter(converter=whole, metavar="N", help="1 is first, 0 before all.")] = None,
    delay: Annotated[str | None, Parameter(metavar="SPAN", help="Run so much later from now: 30, 15m.")] = None,
    data: Annotated[str | None, Parameter(metavar="JSON", help="New data, in place of the old.")] = None,
    patch: Annotated[str | None, Parameter(metavar="JSON", help="Members to set in the data; null removes.")] = None,
    note: Annotated[str | None, Parameter(metavar="JSON", help="Notes to merge; null removes.")] = None,
    common: Sweeping = SWEEPING,
) -> int:
    """Change one thing of jobs: their priority, delay, data or notes.

    Example: headrace jobs set emails/9 --priority 1
    """
    texts = {"--data": data, "--patch": patch, "--note": note}
    given = {option: text for option, text in texts.items() if text is not None}
    if len(given) + (priority is not None) + (delay is not None) != 1:
        raise Stop("give one of --priority, --delay, --data, --patch, --note")
    deed = _annotation(*given.popitem()) if given else _change(priority, delay)
    return await do(deed, jobs or (), where, common)


def _change(priority: int | None, delay: str | None) -> Deed:
    """The deed for the one of them that is given."""
    if priority is not None:
        first = count_of("--priority", priority, 0, PRIORITY_MAX)
        act = moving(Move((), "prioritise", priority=first))
        return Deed("set", "set", act, lambda found, told: found.change_priority(first, progress=told))
    assert delay is not None
    span = seconds("--delay", delay)
    act = moving(Move((), "delay", delay_ms=span_ms("--delay", span, DELAY_MAX_MS)))
    return Deed("set", "set", act, lambda found, told: found.change_delay(span, progress=told))


def _annotation(option: str, text: str) -> Deed:
    """The deed for new data, for members of it, or for notes."""
    try:
        value = codec.decode(text)
    except msgspec.DecodeError as error:
        raise Stop(f"{option} {text!r} is no JSON: {error}") from None
    if option != "--data" and not isinstance(value, dict):
        raise Stop(f'{option} is no JSON object; write for instance \'{{"by": "me"}}\'')
    text = codec.encode(value, option)
    match option:
        case "--data":
            act = annotating(Annotate(WHOEVER, data=text))
            return Deed("set", "set", act, lambda found, told: found.update(value, progress=told))
        case "--patch":
            act = annotating(Annotate(WHOEVER, patch=text))
            return Deed("set", "set", act, lambda found, told: found.patch(value, progress=told))
        case _:
            act = annotating(Annotate(WHOEVER, notes=text))
            return Deed("set", "set", act, lambda found, told: found.note(value, progress=told))
