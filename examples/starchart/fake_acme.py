"""A stand-in for a certificate authority: a real HTTP service on 127.0.0.1 in the manner of ACME, faults on demand.

    GET  /directory              -> 200 {orders: path}, or {} when `is_misconfigured`; 503 unavailable
    POST /orders                 {name}, header `Idempotency-Key` if wanted
                                 -> 200 order, 400 malformed, 409 key_reused, 503 unavailable
    GET  /orders/{id}            -> 200 order, 404, 503 unavailable
    POST /orders/{id}/challenge  -> 200 order: look whether its record is in the zone, once
    POST /orders/{id}/finalize   -> 200 order with its certificate, 403 not ready
    /counters and /faults as in `loopback.py`

An order is {id, name, status, record, value, certificate}. It is pending until the TXT record is seen with that value,
then ready; valid once finalized. What is not seen, or is on the list `reject`, makes it invalid for good. As with real
authorities, a name that has an open order gets the same one again. Errors are {error}.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .loopback import Answer, Loopback, Plan

Zone = Callable[[], Sequence[dict[str, str]]]
OPEN = ("pending", "ready")


@dataclass(frozen=True, slots=True)
class AcmeFaults(Plan):
    """What goes wrong from now on; `AcmeFaults()` is a healthy authority. `reject` fails the challenge of a name.

    `is_misconfigured` gives out an empty directory: whoever wants to begin finds nothing to begin with. For the others
    see `Plan`.
    """

    is_misconfigured: bool = False


@dataclass(slots=True)
class _Order:
    id: str
    name: str
    record: str
    value: str
    status: str = "pending"
    certificate: str = ""


class FakeAcme(Loopback[AcmeFaults]):
    """A running authority, which looks for its challenges in a zone.

    Its own counters: submits = accepted + duplicates + refused, challenges, and issued.
    """

    proper = ("/directory", "/orders")

    def __init__(self, zone: Zone, faults: AcmeFaults = AcmeFaults(), *, port: int = 0) -> None:
        self._zone = zone
        self._orders: dict[str, _Order] = {}
        self._by_key: dict[str | None, _Order] = {}
        super().__init__(faults, port=port)

    def serve(self, route: str, id: str, data: Any, key: str | None) -> Answer:
        match route, self._orders.get(id):
            case "GET /directory", _:
                return 200, {} if self.plan.is_misconfigured else {"orders": "/orders"}
            case "POST /orders", _:
                return self._submit(data, key)
            case "GET /orders/{id}", _Order() as order:
                return 200, asdict(order)
            case "POST /orders/{id}/challenge", _Order() as order:
                return self._look(order)
            case "POST /orders/{id}/finalize", _Order() as order:
                return self._issue(order)
            case _:
                return 404, {"error": "not found"}

    def _submit(self, data: Any, key: str | None) -> Answer:
        name = data.get("name") if isinstance(data, dict) else None
        known = self._by_key.get(key)
        if not isinstance(name, str) or not name:
            return self._refuse(400, "malformed")
        if known and known.name != name:
            return self._refuse(409, "key_reused")
        order = known or next((one for one in self._orders.values() if one.name == name and one.status in OPEN), None)
        self._counts.update(["submits", "duplicates" if order else "accepted"])
        if not order:
            number = len(self._orders) + 1
            order = _Order(f"O{number}", name, f"_acme-challenge.{name}", f"proof-{number}")
            self._orders[order.id] = order
        self._by_key.update({key: order} if key else {})
        return 200, asdict(order)

    def _refuse(self, code: int, error: str) -> Answer:
        self._counts.update(["submits", "refused"])
        return code, {"error": error}

    def _look(self, order: _Order) -> Answer:
        self._counts["challenges"] += 1
        is_seen = {"name": order.record, "type": "TXT", "value": order.value} in self._zone()
        if order.status == "pending":
            order.status = "ready" if is_seen and order.name not in self.plan.reject else "invalid"
        return 200, asdict(order)

    def _issue(self, order: _Order) -> Answer:
        if order.status not in ("ready", "valid"):
            return 403, {"error": f"{order.id} is {order.status}"}
        if order.status == "ready":
            self._counts["issued"] += 1
            order.status, order.certificate = "valid", f"certificate {order.id} of {order.name}"
        return 200, asdict(order)
