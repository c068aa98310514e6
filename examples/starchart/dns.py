"""A small client of the DNS provider: what it says no to, and what it could not answer, are errors of two kinds."""

import json
from typing import Literal, TypeAlias, cast
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

TIMEOUT_S = 10

ChangeStatus: TypeAlias = Literal["PENDING", "INSYNC"]


class DnsError(Exception):
    """The provider did not do what was asked."""


class DnsUnavailable(DnsError):
    """It could not answer; asked again later, it may."""


class DnsRefused(DnsError):
    """It understood, and said no; asked again, it will say no again."""


class Dns:
    """The provider at a URL. Blocking, so its place is a thread: a task that is a plain function runs in one."""

    def __init__(self, url: str) -> None:
        self._url = url

    def create(self, name: str, value: str, *, key: str) -> str:
        """Ask for a new A record; the id of the change. Likewise `update` and `delete`.

        A worker can die after the provider has accepted and before that is recorded. The job then runs again, and by
        the same `key` the provider knows the same request and answers with the change that it has made already.
        """
        return self._change("create", name, value, key)

    def update(self, name: str, value: str, *, key: str) -> str:
        return self._change("update", name, value, key)

    def delete(self, name: str, *, key: str) -> str:
        return self._change("delete", name, "", key)

    def status(self, change_id: str) -> ChangeStatus:
        """Whether all name servers know of a change by now."""
        return cast("ChangeStatus", self._ask(f"/changes/{change_id}")["status"])

    def _change(self, action: str, name: str, value: str, key: str) -> str:
        change = {"action": action, "name": name, "type": "A", "value": value}
        return self._ask("/changes", change, {"Idempotency-Key": key})["id"]

    def _ask(self, path: str, body: object = None, headers: dict[str, str] | None = None) -> dict[str, str]:
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self._url + path, data, headers or {}), timeout=TIMEOUT_S) as answer:
                return cast("dict[str, str]", json.load(answer))
        except HTTPError as error:
            with error:
                why = f"the DNS provider answered {error.code}: {json.load(error)['error']}"
            raise (DnsUnavailable if error.code >= 500 else DnsRefused)(why) from None
        except (URLError, TimeoutError, ConnectionError) as error:
            raise DnsUnavailable(f"the DNS provider does not answer: {error}") from error
