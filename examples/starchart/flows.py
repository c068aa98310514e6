"""A new subdomain as a flow of four jobs: variant A, the one that was published, with its weak points left in.

    sync_db_status               queue sync-db-status
    ├── add_db_record            queue db-record-update
    └── check_dns_status         queue check-dns-status
        └── create_dns_record    queue dns-record-update

Children run first. Each job has five attempts; when a child fails for good, its parent fails without being run. The
plain functions run in threads, the async one on the worker's event loop.
"""

import asyncio
from typing import Literal, Protocol

import headrace

from .dns import Dns
from .records import Records

ATTEMPTS = 5
QUEUES = ("db-record-update", "dns-record-update", "check-dns-status", "sync-db-status")


class NotYet(Exception):
    """The change is on its way to the name servers."""


class CreateFlow(Protocol):
    """The flow that makes one subdomain, as a value to enqueue; the job of its root gives no result."""

    def __call__(
        self, name: str, value: str, work_type: str = "create", on_sibling_failure: Literal["run", "cancel"] = "run"
    ) -> headrace.Call[None]: ...


def published(app: headrace.App, records: Records, dns: Dns, scale: float) -> CreateFlow:
    """Register the four tasks with an app. Their pauses were 15, 60 and 30 s, doubling; `scale` shortens them."""

    def backoff(seconds: float) -> headrace.Exponential:
        return headrace.Exponential(seconds * scale)

    @app.task(queue="db-record-update", attempts=ATTEMPTS, backoff=backoff(15))
    def add_db_record(work_type: str, name: str, value: str) -> int:
        # A duplicate is a plain error, so it is tried five times, in vain: `raise Unrecoverable(…) from error` would
        # fail at once. Nor does anyone tell the DNS branch, which runs beside this and creates its record anyway.
        check(work_type)
        return records.add(name, value)

    @app.task(queue="dns-record-update", attempts=ATTEMPTS, backoff=backoff(15))
    def create_dns_record(work_type: str, name: str, value: str) -> str:
        check(work_type)
        job = headrace.context().job
        return dns.create(name, value, key=f"{job.queue}/{job.id}")

    @app.task(queue="check-dns-status", attempts=ATTEMPTS, backoff=backoff(60))
    def check_dns_status() -> str:
        ctx = headrace.context()
        change_id = ctx.child.sync(create_dns_record)
        status = dns.status(change_id)
        ctx.log.sync(f"attempt {ctx.attempt}: {change_id} is {status}")
        if status != "INSYNC":
            # Polling by burning attempts: "not yet" counts as a failure. After four pauses, 15 minutes in all, the
            # flow fails though nothing was wrong, and a real outage eats of the same five attempts. To poll, write
            # `raise headrace.Later(60)`: it uses up no attempt, and failures stay failures.
            raise NotYet(f"{change_id} is {status}")
        return status

    @app.task(queue="sync-db-status", attempts=ATTEMPTS, backoff=backoff(30))
    async def sync_db_status(work_type: str) -> None:
        check(work_type)
        ctx = headrace.context()
        values = {key: child.result for key, child in (await ctx.children_by_key()).items() if child.has_result}
        await ctx.log(f"results of {', '.join(values)}")
        if len(values) != 2:
            raise headrace.Unrecoverable(f"{len(values)} children have results, not 2")
        record_id, status = await ctx.child(add_db_record), await ctx.child(check_dns_status)
        await asyncio.to_thread(records.set_status, record_id, "active" if status == "INSYNC" else "error")

    def create(
        name: str, value: str, work_type: str = "create", on_sibling_failure: Literal["run", "cancel"] = "run"
    ) -> headrace.Call[None]:
        return sync_db_status.call(work_type).after(
            add_db_record.call(work_type, name, value),
            check_dns_status.call().after(create_dns_record.call(work_type, name, value)),
            on_sibling_failure=on_sibling_failure,
        )

    return create


def check(work_type: str) -> None:
    """Fail at once on work that nobody knows: no further attempt could do better.

    Typed `Literal["create"]`, the argument would be refused before anything is stored; the published jobs carry text.
    """
    if work_type != "create":
        raise headrace.Unrecoverable(f"the work type {work_type!r} is unknown")
