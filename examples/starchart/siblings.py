"""The tree of variant A, which makes a subdomain wholly or not at all. Compare `flows.py`, whose tasks these are.

    sync_db_status
    ├── add_db_record
    └── check_dns_status         cancelled when `add_db_record` has failed, and the other way round
        └── create_dns_record
    finally: undo_create         queue undo

Two branches side by side know nothing of each other. When one fails for good the other is needed no more: what has not
begun never will, what runs is told to stop, and what is done already is undone by the step.
"""

from typing import Protocol
from uuid import uuid4

import headrace

from .changes import key
from .dns import Dns
from .flows import CreateFlow
from .records import Records
from .undoing import ATTEMPTS, UNDOING, has_made


class WholeFlow(Protocol):
    """The flow that makes one subdomain, or leaves nothing; a value to enqueue."""

    def __call__(self, name: str, value: str) -> headrace.Call[None]: ...


def undone_as_a_whole(app: headrace.App, records: Records, dns: Dns, create: CreateFlow, scale: float) -> WholeFlow:
    """Register the step with an app; `create` is the tree that it belongs to."""

    @app.task(queue=UNDOING, attempts=ATTEMPTS, backoff=headrace.Exponential(60 * scale))
    def undo_create(name: str, value: str) -> None:
        ctx = headrace.context()
        if ctx.ended.sync().state == "completed":
            return
        if has_made(app, "create_dns_record", lambda key: dns.create(name, value, key=key)):
            dns.delete(name, key=key())
        # Last: a row that this flow has added is what makes the name ours.
        if any(child.name == "add_db_record" and child.has_result for child in ctx.children_by_key.sync().values()):
            records.remove(name)

    def create_or_nothing(name: str, value: str) -> headrace.Call[None]:
        flow_id = uuid4().hex  # of the root, and in another queue of the step
        undo = undo_create.call(name, value).options(job_id=flow_id)
        return create(name, value, on_sibling_failure="cancel").options(job_id=flow_id).finally_(undo)

    return create_or_nothing
