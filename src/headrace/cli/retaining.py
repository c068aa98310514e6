"""`headrace queues retain`: what stays of the finished jobs of one queue."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from headrace.cli import output
from headrace.cli.failure import Stop
from headrace.cli.options import SHOWN, QueueName, Shown, seconds, whole
from headrace.cli.store import known, opened
from headrace.cli.text import span
from headrace.core import jobs
from headrace.spans import Keep

Asked = Keep | Literal["default"] | None


def register(app: App) -> None:
    """Put the verb below its noun."""
    app.command(retain)


async def retain(
    queue: QueueName,
    /,
    *,
    completed: Annotated[str | None, Parameter(metavar="SPAN", help="So long: 12h, 7d; forever; default.")] = None,
    completed_count: Annotated[
        int | None, Parameter(converter=whole, metavar="N", help="So many of the newest.")
    ] = None,
    failed: Annotated[str | None, Parameter(metavar="SPAN", help="So long: 12h, 7d; forever; default.")] = None,
    failed_count: Annotated[int | None, Parameter(converter=whole, metavar="N", help="So many of the newest.")] = None,
    common: Shown = SHOWN,
) -> None:
    """Say how long the completed and the failed jobs of a queue stay.

    Jobs whose task or call says otherwise go by that.

    Example: headrace queues retain emails --completed 12h --failed 30d
    """
    done = _asked("--completed", completed, completed_count)
    lost = _asked("--failed", failed, failed_count)
    if not (done or lost):
        raise Stop("give one of --completed, --completed-count, --failed, --failed-count")
    async with opened(common) as store:
        await known(store, [queue])
        await store.queue(queue).retain(completed=done, failed=lost)
        (record,) = await known(store, [queue])
    if common.json:
        output.document({"queue": queue, "keep": record.keep})
    else:
        output.line(f"{queue}: {said(record.keep)}")


def said(keep: dict[jobs.State, jobs.Keep]) -> str:
    """What was set for a queue, in words."""
    return "; ".join(f"{state} {_bounds(keep[state])}" for state in sorted(keep)) or "as in the settings"


def _bounds(keep: jobs.Keep) -> str:
    count = [] if keep.count is None else [f"the newest {keep.count}"]
    age = [] if keep.age_ms is None else [f"for {span(keep.age_ms)}"]
    return ", ".join(count + age) or "forever"


def _asked(option: str, text: str | None, count: int | None) -> Asked:
    if text == "default":
        if count is not None:
            raise Stop(f"{option} default takes bounds away, {option}-count sets one; give one of them")
        return "default"
    if text is None and count is None:
        return None
    return Keep(count, None if text in (None, "forever") else seconds(option, text))
