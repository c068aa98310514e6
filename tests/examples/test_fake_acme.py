from collections.abc import Iterator
from typing import Any

import pytest

from examples.starchart.acme import Acme, AcmeRefused, AcmeSetupError, AcmeUnavailable
from examples.starchart.fake_acme import AcmeFaults, FakeAcme
from tests.examples.test_fake_dns import call

NAME = "ada.example"
ADA = {"name": NAME}
PROOF = {"name": f"_acme-challenge.{NAME}", "type": "TXT", "value": "proof-1"}
ORDER = {"id": "O1", "name": NAME, "record": PROOF["name"], "value": "proof-1", "status": "pending", "certificate": ""}


@pytest.fixture
def zone() -> list[dict[str, str]]:
    return []


@pytest.fixture
def ca(zone: list[dict[str, str]]) -> Iterator[FakeAcme]:
    with FakeAcme(lambda: zone) as running:
        yield running


def submit(ca: FakeAcme, order: object = ADA, *, key: str = "") -> tuple[int, Any]:
    return call(f"{ca.url}/orders", order, key=key)


def test_an_order_says_by_which_record_a_name_is_proved(ca: FakeAcme) -> None:
    assert submit(ca) == (200, ORDER)
    assert call(f"{ca.url}/orders/O1") == (200, ORDER)


def test_a_certificate_is_issued_once_the_record_is_seen_and_the_same_again(
    ca: FakeAcme, zone: list[dict[str, str]]
) -> None:
    acme = Acme.connect(ca.url)
    order = acme.order(NAME, key="k")
    zone.append(PROOF)
    acme.prove(order.id)
    zone.clear()
    acme.prove(order.id)
    assert acme.certificate(order.id) == acme.certificate(order.id) == "certificate O1 of ada.example"
    assert (ca.counters()["issued"], ca.counters()["challenges"]) == (1, 2)


@pytest.mark.parametrize("seen", [[], [{**PROOF, "value": "proof-2"}], [{**PROOF, "type": "A"}]])
def test_an_order_is_lost_when_the_record_is_not_seen(
    ca: FakeAcme, zone: list[dict[str, str]], seen: list[dict[str, str]]
) -> None:
    zone += seen
    acme = Acme.connect(ca.url)
    order = acme.order(NAME, key="k")
    with pytest.raises(AcmeRefused, match=r"the challenge of ada\.example was rejected"):
        acme.prove(order.id)
    zone[:] = [PROOF]
    with pytest.raises(AcmeRefused):
        acme.prove(order.id)
    with pytest.raises(AcmeRefused, match="403: O1 is invalid"):
        acme.certificate(order.id)


def test_a_rejected_name_is_lost_and_others_are_not(ca: FakeAcme, zone: list[dict[str, str]]) -> None:
    ca.set_faults(AcmeFaults(reject=frozenset({"bob.example"})))
    zone += [{**PROOF, "name": "_acme-challenge.bob.example"}, {**PROOF, "value": "proof-2"}]
    acme = Acme.connect(ca.url)
    bob, ada = acme.order("bob.example", key="b"), acme.order(NAME, key="a")
    with pytest.raises(AcmeRefused, match="bob"):
        acme.prove(bob.id)
    acme.prove(ada.id)


def test_what_is_not_proved_is_not_issued(ca: FakeAcme) -> None:
    submit(ca)
    assert call(f"{ca.url}/orders/O1/finalize", {}) == (403, {"error": "O1 is pending"})
    assert ca.counters()["issued"] == 0


def test_a_name_with_an_open_order_gets_the_same_one_and_a_new_one_afterwards(
    ca: FakeAcme, zone: list[dict[str, str]]
) -> None:
    zone.append(PROOF)
    acme = Acme.connect(ca.url)
    first = acme.order(NAME, key="k")
    assert acme.order(NAME, key="l") == first
    acme.prove(first.id)
    assert acme.order(NAME, key="") == first
    acme.certificate(first.id)
    assert acme.order(NAME, key="m").id == "O2"
    assert [acme.order(NAME, key=key) for key in ("k", "l")] == [first, first]
    counters = ca.counters()
    assert (counters["submits"], counters["accepted"], counters["duplicates"]) == (6, 2, 4)


def test_a_known_key_with_another_name_is_refused(ca: FakeAcme) -> None:
    submit(ca, key="k")
    assert submit(ca, {"name": "bob.example"}, key="k") == (409, {"error": "key_reused"})


@pytest.mark.parametrize("order", [[], 7, {}, {"name": ""}, {"name": 1}])
def test_a_malformed_order_is_refused(ca: FakeAcme, order: object) -> None:
    assert submit(ca, order) == (400, {"error": "malformed"})
    assert (ca.counters()["submits"], ca.counters()["refused"]) == (1, 1)


def test_the_next_k_requests_fail_and_leave_nothing_behind(ca: FakeAcme) -> None:
    ca.set_faults(AcmeFaults(fail_next=2))
    assert [submit(ca)[0] for _ in range(3)] == [503, 503, 200]
    counters = ca.counters()
    assert (counters["POST /orders"], counters["faults"], counters["submits"]) == (3, 2, 1)


def test_an_authority_that_is_down_is_unavailable_and_one_without_a_directory_is_no_use(ca: FakeAcme) -> None:
    ca.set_faults(AcmeFaults(down=True))
    with pytest.raises(AcmeUnavailable, match="503: unavailable"):
        Acme.connect(ca.url)
    assert call(f"{ca.url}/faults", {"is_misconfigured": True}) == (200, {})
    with pytest.raises(AcmeSetupError, match="has no 'orders'") as setup:
        Acme.connect(ca.url)
    assert isinstance(setup.value.__cause__, KeyError)
    ca.close()
    with pytest.raises(AcmeUnavailable, match="does not answer"):
        Acme.connect(ca.url)


@pytest.mark.parametrize("path", ["/orders/O9", "/", "/orders/O1/revoke", "/orders"])
def test_what_does_not_exist_is_not_found(ca: FakeAcme, path: str) -> None:
    assert call(f"{ca.url}{path}")[0] == 404
