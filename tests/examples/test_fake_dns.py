import http.client
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from examples.starchart.fake_dns import FakeDns, Faults

ADA = {"action": "create", "name": "ada.example", "type": "A", "value": "10.0.0.1"}
ADA_IN_ZONE = [{"name": "ada.example", "type": "A", "value": "10.0.0.1"}]


def call(url: str, data: object = None, *, key: str = "") -> tuple[int, Any]:
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, body, {"Idempotency-Key": key} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def submit(dns: FakeDns, change: object = ADA, *, key: str = "") -> tuple[int, Any]:
    return call(f"{dns.url}/changes", change, key=key)


def polls(dns: FakeDns, change_id: str, times: int) -> list[str]:
    return [call(f"{dns.url}/changes/{change_id}")[1]["status"] for _ in range(times)]


@pytest.fixture
def dns() -> Iterator[FakeDns]:
    with FakeDns() as running:
        yield running


def test_an_accepted_change_is_pending_and_already_in_the_zone(dns: FakeDns) -> None:
    assert submit(dns) == (200, {"id": "C1", "status": "PENDING"})
    assert call(f"{dns.url}/zone") == (200, {"records": ADA_IN_ZONE})
    assert dns.zone() == ADA_IN_ZONE


def test_a_change_is_in_sync_at_the_nth_poll() -> None:
    with FakeDns(Faults(insync_after_polls=3)) as dns:
        submit(dns)
        assert polls(dns, "C1", 4) == ["PENDING", "PENDING", "INSYNC", "INSYNC"]


def test_a_change_is_not_in_sync_before_its_time() -> None:
    with FakeDns(Faults(insync_after_ms=60)) as dns:
        began = time.monotonic()
        submit(dns)
        assert polls(dns, "C1", 1) == ["PENDING"]
        while polls(dns, "C1", 1) != ["INSYNC"]:
            assert time.monotonic() - began < 5
        assert time.monotonic() - began >= 0.06


def test_a_change_that_is_never_in_sync_becomes_so_when_the_provider_heals() -> None:
    with FakeDns(Faults(never_in_sync=True)) as dns:
        submit(dns)
        assert polls(dns, "C1", 3) == ["PENDING"] * 3
        assert call(f"{dns.url}/faults", {}) == (200, {})
        assert polls(dns, "C1", 1) == ["INSYNC"]


def test_update_sets_a_record_and_delete_takes_it_away_as_often_as_asked(dns: FakeDns) -> None:
    submit(dns)
    submit(dns, {**ADA, "action": "update", "value": "10.0.0.2"})
    assert [record["value"] for record in dns.zone()] == ["10.0.0.2"]
    gone = {"action": "delete", "name": "ada.example", "type": "A"}
    assert [submit(dns, gone)[0], submit(dns, gone)[0]] == [200, 200]
    assert dns.zone() == []


def test_a_second_create_without_a_key_is_refused(dns: FakeDns) -> None:
    submit(dns)
    assert submit(dns, {**ADA, "value": "10.0.0.2"}) == (422, {"error": "exists"})
    assert dns.zone() == ADA_IN_ZONE


def test_a_submit_with_a_known_key_gets_the_same_change_and_is_counted(dns: FakeDns) -> None:
    first, second, other = submit(dns, key="k"), submit(dns, key="k"), submit(dns, {**ADA, "name": "b"}, key="l")
    assert first == second == (200, {"id": "C1", "status": "PENDING"})
    assert other[1]["id"] == "C2"
    counters = dns.counters()
    assert (counters["submits"], counters["accepted"], counters["duplicates"]) == (3, 2, 1)


def test_a_known_key_with_another_change_is_refused(dns: FakeDns) -> None:
    submit(dns, key="k")
    assert submit(dns, {**ADA, "name": "bob.example"}, key="k") == (409, {"error": "key_reused"})
    assert dns.zone() == ADA_IN_ZONE


def test_equal_submits_at_once_make_one_change(dns: FakeDns) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: submit(dns, key="k"), range(40)))
    assert {answer["id"] for _, answer in answers} == {"C1"}
    assert (dns.counters()["accepted"], dns.counters()["duplicates"]) == (1, 39)


def test_the_next_k_requests_fail_and_leave_nothing_behind() -> None:
    with FakeDns(Faults(fail_next=2)) as dns:
        assert [submit(dns, key="k")[0] for _ in range(3)] == [503, 503, 200]
        counters = dns.counters()
        assert (counters["POST /changes"], counters["faults"], counters["submits"]) == (3, 2, 1)


def test_a_provider_that_is_down_stays_so_and_its_zone_can_still_be_read() -> None:
    with FakeDns(Faults(down=True)) as dns:
        assert [submit(dns)[0], call(f"{dns.url}/changes/C1")[0]] == [503, 503]
        assert call(f"{dns.url}/zone") == (200, {"records": []})


def test_random_errors_are_the_same_for_the_same_seed() -> None:
    def codes(seed: int) -> list[int]:
        with FakeDns(Faults(error_ratio=0.5, seed=seed)) as dns:
            return [submit(dns, {**ADA, "action": "update"})[0] for _ in range(20)]

    assert codes(1) == codes(1) != codes(2)
    assert set(codes(1)) == {200, 503}


def test_a_slow_provider_accepts_first_and_answers_later() -> None:
    with FakeDns(Faults(slow_ms=60)) as dns, ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        answer = pool.submit(submit, dns)
        while not dns.zone():
            assert time.monotonic() - began < 5
        assert not answer.done()
        assert answer.result()[0] == 200
        assert time.monotonic() - began >= 0.06


def test_a_client_that_leaves_before_the_answer_is_no_error(dns: FakeDns, capfd: pytest.CaptureFixture[str]) -> None:
    dns.set_faults(Faults(slow_ms=20))
    body = json.dumps(ADA).encode()
    head = f"POST /changes HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for sent in (1, 2, 3):
        with socket.create_connection(("127.0.0.1", dns.server_address[1])) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, as kill -9 may give
            client.sendall(head + body)
            while dns.counters()["submits"] < sent:
                pass
    dns.close()
    assert dns.zone() == ADA_IN_ZONE
    assert capfd.readouterr() == ("", "")


def test_a_rejected_name_is_refused_and_others_are_not() -> None:
    with FakeDns(Faults(reject=frozenset({"ada.example"}))) as dns:
        assert submit(dns) == (422, {"error": "rejected"})
        assert submit(dns, {**ADA, "name": "bob.example"})[0] == 200
        assert dns.counters()["refused"] == 1


@pytest.mark.parametrize(
    "change", [[], 7, {}, {**ADA, "action": "x"}, {**ADA, "name": ""}, {**ADA, "value": ""}, {**ADA, "value": 1}]
)
def test_a_malformed_change_is_refused(dns: FakeDns, change: object) -> None:
    assert submit(dns, change) == (400, {"error": "malformed"})


def test_what_does_not_exist_is_not_found(dns: FakeDns) -> None:
    assert [call(f"{dns.url}{path}")[0] for path in ("/changes/C9", "/", "/changes")] == [404, 404, 404]


def test_a_fault_plan_set_over_http_takes_effect_at_once(dns: FakeDns) -> None:
    assert call(f"{dns.url}/faults", {"fail_next": 1, "reject": ["bob.example"]}) == (200, {})
    assert [submit(dns)[0], submit(dns, {**ADA, "name": "bob.example"})[0], submit(dns)[0]] == [503, 422, 200]


@pytest.mark.parametrize(
    ("plan", "word"),
    [
        ({"fail_nxt": 1}, "fail_nxt"),
        ({"down": 1}, "down"),
        ({"slow_ms": -1}, "slow_ms"),
        ({"fail_next": True}, "fail_next"),
        ({"reject": "ada.example"}, "str"),
        ([], "mapping"),
    ],
)
def test_an_odd_fault_plan_is_refused_and_the_old_one_stays(dns: FakeDns, plan: object, word: str) -> None:
    dns.set_faults(Faults(down=True))
    code, answer = call(f"{dns.url}/faults", plan)
    assert code == 400
    assert word in answer["error"]
    assert submit(dns)[0] == 503


def test_counters_tell_requests_by_route_and_can_be_read_over_http(dns: FakeDns) -> None:
    submit(dns)
    polls(dns, "C1", 2)
    expected = {"POST /changes": 1, "GET /changes/{id}": 2, "polls": 2, "submits": 1, "accepted": 1, "faults": 0}
    assert dns.counters() == expected
    assert call(f"{dns.url}/counters")[1] == {**expected, "GET /counters": 1}


def test_one_connection_serves_many_requests_quickly(dns: FakeDns) -> None:
    client = http.client.HTTPConnection("127.0.0.1", dns.server_address[1], timeout=5)
    began = time.monotonic()
    client.connect()
    first = client.sock
    for _ in range(50):
        client.request("POST", "/changes", json.dumps({**ADA, "action": "update"}))
        assert client.getresponse().read()
    assert client.sock is first
    assert time.monotonic() - began < 1  # 40 ms each if a delayed acknowledgement were waited for
    client.close()


def test_close_cuts_idle_connections_wakes_slow_answers_and_may_be_repeated() -> None:
    threads = threading.active_count()
    dns = FakeDns(Faults(slow_ms=60_000))
    idle = socket.create_connection(("127.0.0.1", dns.server_address[1]))
    waiting = socket.create_connection(("127.0.0.1", dns.server_address[1]))
    waiting.sendall(b"GET /changes/C1 HTTP/1.1\r\n\r\n")
    began = time.monotonic()
    while not dns.counters():
        assert time.monotonic() - began < 5
    dns.close()
    dns.close()
    assert time.monotonic() - began < 1
    assert idle.recv(1) == b""
    for client in (idle, waiting):
        client.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", dns.server_address[1]))
    while threading.active_count() > threads:
        assert time.monotonic() - began < 5


def test_the_program_prints_its_url_and_serves_in_silence_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "examples.starchart.fake_dns", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            url = program.stdout.readline().strip()
            assert call(f"{url}/changes", ADA)[0] == 200
        finally:
            program.terminate()  # a shell's background jobs ignore SIGINT, and we may be in one
        assert program.communicate(timeout=5) == ("", "")
