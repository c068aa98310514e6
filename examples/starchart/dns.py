"""A small client of the DNS provider: what it says no to, and what it could not answer, are errors of two kinds."""

from typing import Literal, TypeAlias

from .asking import Remote

ChangeStatus: TypeAlias = Literal["PENDING", "INSYNC"]
RecordType: TypeAlias = Literal["A", "TXT"]


class DnsError(Exception):
    """The provider did not do what was asked."""


class DnsUnavailable(DnsError):
    """It could not answer; asked again later, it may."""


class DnsRefused(DnsError):
    """It understood, and said no; asked again, it will say no again."""


class Dns:
    """The provider at a URL. Blocking, so its place is a thread: a task that is a plain function runs in one."""

    def __init__(self, url: str) -> None:
        self._remote = Remote(url, "the DNS provider", unavailable=DnsUnavailable, refused=DnsRefused)

    def create(self, name: str, value: str, *, key: str) -> str:
        """Ask for a new A record; the id of the change. Likewise `update` and `delete`, which take other types too.

        A worker can die after the provider has accepted and before that is recorded. The job then runs again, and by
        the same `key` the provider knows the same request and answers with the change that it has made already.
        """
        return self._change("create", name, "A", value, key)

    def update(self, name: str, value: str, *, key: str, kind: RecordType = "A") -> str:
        return self._change("update", name, kind, value, key)

    def delete(self, name: str, *, key: str, kind: RecordType = "A") -> str:
        return self._change("delete", name, kind, "", key)

    def status(self, change_id: str) -> ChangeStatus:
        """Whether all name servers know of a change by now."""
        status: ChangeStatus = self._remote.ask(f"/changes/{change_id}")["status"]
        return status

    def _change(self, action: str, name: str, kind: RecordType, value: str, key: str) -> str:
        change = {"action": action, "name": name, "type": kind, "value": value}
        return str(self._remote.ask("/changes", change, key=key)["id"])
