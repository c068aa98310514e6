"""A new subdomain as it should be made: variant B. Compare `flows.py`.

    activate_record           queue better-records
    └── await_name_servers    queue better-name-servers
        └── change_dns        queue better-dns
    finally: undo_request     queue undo

The row is no job here. It is added together with the flow, in one transaction: there is no flow for a row that was
refused, and no row whose flow was lost. When the flow fails, or is cancelled, row and zone are in the end as before.
"""

import asyncio
from dataclasses import dataclass
from time import time
from typing import Literal, Protocol, TypeAlias
from uuid import uuid4

import headrace

from .changes import key
from .dns import Dns, DnsRefused
from .records import Records, change, insert
from .undoing import STALLS, undoing

ATTEMPTS = 5
POLL_S, PATIENCE_S = 60, 24 * 3600
QUEUES = ("better-dns", "better-name-servers", "better-records")

WorkType: TypeAlias = Literal["create", "update"]


@dataclass(frozen=True, slots=True)
class Change:
    """What the provider has accepted, and when."""

    id: str
    asked_at: float


class Request(Protocol):
    """Ask for a subdomain, or for another value of one; the job gives no result, and is the root of the flow.

    Blocking, for as long as a commit takes. `DuplicateRecord` if the name to be created is taken, `UnknownRecord` if
    that to be updated is not there, `InvalidData` for other work: then nothing is stored, and nobody was asked.
    """

    def __call__(self, name: str, value: str, work: WorkType = "create") -> headrace.Job[None]: ...


def requesting(app: headrace.App, records: Records, dns: Dns, scale: float) -> Request:
    """Register the tasks of variant B with an app whose jobs are in the file of the records."""

    @app.task(queue="better-dns", attempts=ATTEMPTS, max_stalled=STALLS, backoff=headrace.Exponential(15 * scale))
    def change_dns(work: WorkType, name: str, value: str) -> Change:
        ask = dns.create if work == "create" else dns.update
        try:
            return Change(ask(name, value, key=key()), time())
        except DnsRefused as error:  # it will say no again; that it does not answer is tried again
            raise headrace.Unrecoverable(str(error)) from error

    @app.task(
        queue="better-name-servers", attempts=ATTEMPTS, max_stalled=STALLS, backoff=headrace.Exponential(60 * scale)
    )
    async def await_name_servers(change: Change = headrace.from_child(change_dns)) -> None:
        # Async, so that it stops at once when the flow is cancelled; a thread would go on until it has its answer.
        if await asyncio.to_thread(dns.status, change.id) == "INSYNC":
            return
        # "Not yet" uses up no attempt: those are for outages. Only a day of it is too much, counted from the change and
        # not from the job, which may have waited long for its provider.
        waited_s = time() - change.asked_at
        if waited_s > PATIENCE_S * scale:
            raise headrace.Unrecoverable(f"{change.id} is not in sync after {waited_s:g} s")
        raise headrace.Later(POLL_S * scale)

    @app.task(queue="better-records", attempts=ATTEMPTS, max_stalled=STALLS, backoff=headrace.Exponential(30 * scale))
    def activate_record(name: str) -> None:
        records.activate(name)

    undo_request = undoing(app, records, dns, scale)

    def request(name: str, value: str, work: WorkType = "create") -> headrace.Job[None]:
        dns_step = change_dns.call(work, name, value)
        flow = activate_record.call(name).after(await_name_servers.call().after(dns_step))
        flow_id = uuid4().hex  # of the root, and in another queue of the step
        with records.transaction() as db:
            former = change(db, name, value) if work == "update" else None
            if former is None:
                insert(db, name, value)
            undo = undo_request.call(name, value, former).options(job_id=flow_id)
            return app.within(db).enqueue.sync(flow.options(job_id=flow_id).finally_(undo))

    return request
