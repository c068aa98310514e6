"""A small client of the certificate authority. Like that of the DNS provider, but one has to get acquainted first."""

from dataclasses import dataclass
from typing import Any

from .asking import Remote


class AcmeError(Exception):
    """The authority did not do what was asked."""


class AcmeUnavailable(AcmeError):
    """It could not answer; asked again later, it may."""


class AcmeRefused(AcmeError):
    """It understood, and said no; asked again, it will say no again."""


class AcmeSetupError(AcmeError):
    """It cannot be worked with at all, until somebody mends how we, or they, are set up."""


@dataclass(frozen=True, slots=True)
class Order:
    """A certificate that was asked for, and by which TXT record we prove that the name is ours."""

    id: str
    name: str
    record: str
    value: str


class Acme:
    """An authority whose directory has been read; `connect` makes one. Blocking, like `Dns`."""

    def __init__(self, remote: Remote, orders: str) -> None:
        self._remote, self._orders = remote, orders

    @classmethod
    def connect(cls, url: str) -> "Acme":
        """Read where things are. `AcmeSetupError` if the directory does not say."""
        remote = Remote(url, "the certificate authority", unavailable=AcmeUnavailable, refused=AcmeRefused)
        try:
            return cls(remote, remote.ask("/directory")["orders"])
        except KeyError as error:
            raise AcmeSetupError(f"the directory of the authority has no {error}") from error

    def order(self, name: str, *, key: str) -> Order:
        """Ask for a certificate. A name with an open order gets that one again; so does a known `key`."""
        found = self._remote.ask(self._orders, {"name": name}, key=key)
        return Order(found["id"], found["name"], found["record"], found["value"])

    def prove(self, order_id: str) -> None:
        """Say that the record is there. `AcmeRefused` if the authority did not find it; then the order is lost."""
        if (found := self._ask(order_id, "challenge"))["status"] == "invalid":
            raise AcmeRefused(f"the challenge of {found['name']} was rejected")

    def certificate(self, order_id: str) -> str:
        """The certificate of an order that was proved; the same one each time."""
        return str(self._ask(order_id, "finalize")["certificate"])

    def _ask(self, order_id: str, step: str) -> dict[str, Any]:
        return self._remote.ask(f"{self._orders}/{order_id}/{step}", {})
