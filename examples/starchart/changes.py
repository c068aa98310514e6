"""A subdomain that is changed, and one that is deleted: two chains, each job the only child of the next.

    finish_update                queue sync-db-status             delete_db_record             queue db-record-update
    └── check_update             queue check-dns-status           └── check_delete             queue check-dns-status
        └── update_dns_record    queue dns-record-update              └── delete_dns_record    queue dns-record-update
            └── update_db_record queue db-record-update

As with the flow that creates one, each job has five attempts, and the failure of one climbs to the root.
"""

from typing import Protocol

import headrace

from .dns import Dns
from .flows import ATTEMPTS, NotYet
from .records import Records


class UpdateFlow(Protocol):
    """The flow that gives one subdomain another value."""

    def __call__(self, name: str, value: str) -> headrace.Call[None]: ...


class DeleteFlow(Protocol):
    """The flow that takes one subdomain away."""

    def __call__(self, name: str) -> headrace.Call[None]: ...


def updating(app: headrace.App, records: Records, dns: Dns, scale: float) -> UpdateFlow:
    """Register the tasks of an update with an app; `scale` shortens their pauses."""

    @app.task(queue="db-record-update", attempts=ATTEMPTS, backoff=headrace.Exponential(15 * scale))
    def update_db_record(name: str, value: str) -> None:
        records.change(name, value)

    @app.task(queue="dns-record-update", attempts=ATTEMPTS, backoff=headrace.Exponential(15 * scale))
    def update_dns_record(name: str, value: str) -> str:
        return dns.update(name, value, key=key())

    @app.task(queue="check-dns-status", attempts=ATTEMPTS, backoff=headrace.Exponential(60 * scale))
    def check_update(change_id: str = headrace.from_child(update_dns_record)) -> None:
        check(dns, change_id)

    @app.task(queue="sync-db-status", attempts=ATTEMPTS, backoff=headrace.Exponential(30 * scale))
    def finish_update(name: str) -> None:
        records.activate(name)

    def update(name: str, value: str) -> headrace.Call[None]:
        dns_step = update_dns_record.call(name, value).after(update_db_record.call(name, value))
        return finish_update.call(name).after(check_update.call().after(dns_step))

    return update


def deleting(app: headrace.App, records: Records, dns: Dns, scale: float) -> DeleteFlow:
    """Register the tasks of a deletion with an app; `scale` shortens their pauses."""

    @app.task(queue="dns-record-update", attempts=ATTEMPTS, backoff=headrace.Exponential(15 * scale))
    def delete_dns_record(name: str) -> str:
        return dns.delete(name, key=key())

    @app.task(queue="check-dns-status", attempts=ATTEMPTS, backoff=headrace.Exponential(60 * scale))
    def check_delete(change_id: str = headrace.from_child(delete_dns_record)) -> None:
        check(dns, change_id)

    @app.task(queue="db-record-update", attempts=ATTEMPTS, backoff=headrace.Exponential(15 * scale))
    def delete_db_record(name: str) -> None:
        records.remove(name)

    def delete(name: str) -> headrace.Call[None]:
        return delete_db_record.call(name).after(check_delete.call().after(delete_dns_record.call(name)))

    return delete


def key() -> str:
    """By this the provider knows the request of a job that runs again."""
    job = headrace.context().job
    return f"{job.queue}/{job.id}"


def check(dns: Dns, change_id: str) -> None:
    """`NotYet` until all name servers know of the change."""
    status = dns.status(change_id)
    if status != "INSYNC":
        raise NotYet(f"{change_id} is {status}")
