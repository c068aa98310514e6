"""What has been done of a flow that did not come to its good end is undone: by a step, which runs once all have ended.

Whether there is something to be undone is not easy to know. A job may have been cancelled, or its worker killed, with a
request on its way; the provider has then made the change, or will in a moment, or never. `has_made` makes it certain.
"""

from collections.abc import Callable

import headrace

from .changes import key
from .dns import Dns, DnsRefused
from .records import Records

UNDOING = "undo"
ATTEMPTS = 10
STALLS = 20  # each job may be begun again as often as its worker dies; by default two such ends are enough


def undoing(app: headrace.App, records: Records, dns: Dns, scale: float) -> headrace.Task[[str, str, str | None], None]:
    """Register the step of variant B: of a name, the value asked for, and the one before it, None for a new name."""

    @app.task(queue=UNDOING, attempts=ATTEMPTS, max_stalled=STALLS, backoff=headrace.Exponential(60 * scale))
    def undo_request(name: str, value: str, former: str | None) -> None:
        if headrace.context().ended.sync().state == "completed":
            return
        # The row goes last: until then the name is ours, and whoever begins this step again finds all as it was.
        if former is None:
            if has_made(app, "change_dns", lambda key: dns.create(name, value, key=key)):
                dns.delete(name, key=key())
        elif has_made(app, "change_dns", lambda key: dns.update(name, value, key=key)):
            dns.update(name, former, key=key())
        records.undo(name, value, former)

    return undo_request


async def step_of(app: headrace.App, root: headrace.Job[None]) -> headrace.Job[None]:
    """The step of a flow: it has the id of the flow's root, in a queue of its own."""
    return await app.get(UNDOING, root.id)


def has_made(app: headrace.App, task: str, ask: Callable[[str], str]) -> bool:
    """Whether the provider has done what the job of this task was to ask of it; nothing can change that afterwards.

    It is asked once more, under the key of the job. If it has done it, it only says so; if not, it does it now, and a
    request that is still on its way will find it done. What nobody has begun to ask is not asked here.
    """
    for child in headrace.context().children_by_key.sync().values():
        if child.name != task:
            continue
        record = app.get.sync(child.queue, child.id).record
        if record is None or not record.attempts_started:
            return False
        try:
            ask(f"{child.queue}/{child.id}")
        except DnsRefused:
            return False
        return True
    return False
