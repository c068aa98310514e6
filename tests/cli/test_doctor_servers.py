"""`headrace doctor` on a Redis, and what production refuses: each check is made to say no by what it looks for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from msgspec import structs

from headrace import App, errors, storage
from headrace.core import servers
from headrace.core.checks import Verdict
from headrace.core.servers import ServerFacts
from tests.cli.project import Ended
from tests.servers import valkey
from tests.servers.available import or_skip

Call = Callable[..., Ended]
CHECKS = "server eviction durable password tls memory replicas skew".split()
INSIDE = "clock served tasks paused flows oldest busy workers limits leases schedules janitor".split()


@pytest.fixture(scope="module")
def server() -> Iterator[valkey.Valkey]:
    with or_skip(valkey.running(appendfsync="always")) as made:
        yield made


@pytest.fixture
def far(server: valkey.Valkey) -> str:
    """The same server under a name that does not say that it is on this machine."""
    return f"redis://127.1:{server.port}/0"


@contextmanager
def setting(server: valkey.Valkey, **values: object) -> Iterator[None]:
    """The server with these settings, and afterwards as before."""
    with redis.Redis(port=server.port) as client:
        names = [name.replace("_", "-") for name in values]
        before: dict[str, Any] = {name: client.config_get(name)[name] for name in names}
        for name, value in zip(names, values.values(), strict=True):
            client.config_set(name, str(value))
        try:
            yield
        finally:
            for name, value in before.items():
                client.config_set(name, value)


def no(done: Ended) -> dict[str, str]:
    """The checks that do not say ok."""
    return {one["check"]: one["verdict"] for one in done.json["checks"] if one["verdict"] != "ok"}


def refused(url: str) -> str:
    """What production says to this server."""
    app = App(url, settings={"environment": "production"})
    with pytest.raises(errors.UnsafeStore) as caught:
        app.open.sync()
    app.close.sync()
    return str(caught.value)


def test_a_server_in_order_is_told_so_check_by_check(call: Call, server: valkey.Valkey) -> None:
    done = call("doctor", "--url", server.url)
    assert done.code == 0, done.out
    assert [line.split()[:2] for line in done.out.splitlines() if not line.startswith(" ")] == [
        ["ok", check] for check in (*CHECKS, *INSIDE)
    ]
    assert "Valkey is 8." in done.out
    with App(server.url, settings={"environment": "production"}) as app:
        assert app.queues.sync() == []


@pytest.mark.parametrize(
    ("settings", "check", "verdict", "says"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "eviction", "fail", "maxmemory-policy is allkeys-lru"),
        ({"appendonly": "no", "save": ""}, "durable", "fail", "a restart of the server loses all jobs"),
        ({"appendonly": "no", "save": "60 1"}, "durable", "warn", "a crash loses all jobs since the last snapshot"),
        ({"appendfsync": "everysec"}, "durable", "warn", "a kill may cost the last two seconds, a power cut more"),
        ({"aof_load_truncated": "yes"}, "durable", "warn", "killed in the middle of a write, it may lose jobs"),
        ({"appendfsync": "no"}, "durable", "fail", "a power cut may cost half a minute"),
        ({"maxmemory": 1 << 30}, "", "ok", "of 1.0 GiB are in use"),
    ],
)
def test_what_the_settings_of_a_server_risk(
    call: Call, server: valkey.Valkey, settings: dict[str, object], check: str, verdict: Verdict, says: str
) -> None:
    with setting(server, **settings):
        found = call("doctor", "--url", server.url, "--json")
        assert no(found) == ({check: verdict} if check else {})
        assert says in found.out
        assert found.code == (1 if verdict == "fail" else 0)
        if verdict == "fail":
            assert says in refused(server.url)


@pytest.mark.parametrize(("bound", "verdict"), [("MEMORY_WARN", "warn"), ("MEMORY_FAIL", "fail")])
def test_a_memory_that_is_nearly_full(
    call: Call, server: valkey.Valkey, monkeypatch: pytest.MonkeyPatch, bound: str, verdict: str
) -> None:
    monkeypatch.setattr(servers, bound, 0.0)
    with setting(server, maxmemory=1 << 30):
        assert no(call("doctor", "--url", server.url, "--json")) == {"memory": verdict}


def test_production_says_all_that_is_wrong_at_once_and_what_to_do(server: valkey.Valkey, far: str) -> None:
    with setting(server, maxmemory_policy="volatile-ttl", appendonly="no"):
        problems = refused(far).splitlines()
    assert problems[0] == f"127.1:{server.port} is not safe for production:"
    assert [problem.rpartition("; ")[2] for problem in problems[1:]] == [
        "set maxmemory-policy noeviction",
        "set appendonly yes",
        "set requirepass, or an ACL user, and name it in the URL: redis://USER:PASSWORD@…",
        "let the server speak TLS, and write rediss:// in the URL",
    ]


def test_doctor_leaves_closed_what_production_refuses(call: Call, far: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert no(call("doctor", "--url", far, "--json")) == {"password": "fail", "tls": "fail"}
    monkeypatch.setenv("HEADRACE_ENVIRONMENT", "production")
    found = call("doctor", "--url", far, "--json")
    assert [one["check"] for one in found.json["checks"]] == CHECKS
    done = call("queues", "list", "--url", far)
    assert done.code == 78
    assert done.err.splitlines()[0] == f"headrace: {far[8:-2]} is not safe for production (unsafe-store):"


def test_a_password_is_asked_for_by_coming_without_one(call: Call, server: valkey.Valkey) -> None:
    with setting(server, requirepass="secret"):
        url = f"redis://:secret@127.1:{server.port}/0"
        found = call("doctor", "--url", url, "--json")
        assert no(found) == {"tls": "fail"}
        assert "secret" not in found.out
        with redis.Redis(port=server.port, password="secret") as client:
            client.acl_setuser(
                "ours", enabled=True, passwords=["+own"], keys=["*"], channels=["*"], categories=["+@all"]
            )
            client.acl_setuser("default", enabled=True, nopass=True)
        named = call("doctor", "--url", f"redis://ours:own@127.1:{server.port}/0", "--json")
        assert no(named) == {"password": "fail", "tls": "fail"}


def test_what_a_server_does_not_tell_is_said_to_be_unknown(call: Call, server: valkey.Valkey) -> None:
    with redis.Redis(port=server.port) as client:
        for name, commands in {"some": ["-config"], "few": ["-config", "-info"]}.items():
            client.acl_setuser(
                name, enabled=True, nopass=True, keys=["*"], channels=["*"], categories=["+@all"], commands=commands
            )
    some = call("doctor", "--url", f"redis://some:x@127.0.0.1:{server.port}/0", "--json")
    assert (some.code, no(some)) == (0, {"durable": "warn"})
    url = f"redis://few:x@127.0.0.1:{server.port}/0"
    few = call("doctor", "--url", url, "--json")
    assert few.code == 0
    assert set(no(few)) == {"server", "eviction", "durable", "memory", "replicas"}
    assert "what version it is could not be checked: INFO is not allowed" in few.out
    with App(url, settings={"environment": "production"}) as app:  # what is not known is not refused
        assert app.queues.sync() == []


def test_a_server_that_does_not_answer(call: Call) -> None:
    done = call("doctor", "--url", "redis://127.0.0.1:1/0", "--json")
    assert (done.code, no(done)) == (1, {"server": "fail"})
    assert [one["check"] for one in done.json["checks"]] == ["server"]


def test_a_store_that_an_app_is_given_is_not_looked_at(far: str) -> None:
    app = App(far, settings={"environment": "production"})
    app.use_store(lambda: storage.open("memory://"))
    with app:
        assert app.queues.sync() == []


GOOD = ServerFacts(
    address="cache:6379",
    is_local=False,
    is_encrypted=True,
    is_verified=True,
    product="Redis",
    version=(7, 0, 15),
    eviction="noeviction",
    has_log=True,
    fsync="always",
    cuts_log=False,
    snapshots="",
    is_open=False,
    memory=1,
    memory_max=0,
    role="master",
    replicas=0,
    awaits_replicas=False,
    ahead_ms=3,
)


@pytest.mark.parametrize(
    ("facts", "check", "verdict"),
    [
        ({"version": (6, 2, 16)}, "server", "fail"),
        ({"version": (7, 0)}, "", "ok"),
        ({"role": "slave"}, "replicas", "fail"),
        ({"replicas": 2}, "replicas", "fail"),
        ({"replicas": 2, "awaits_replicas": True}, "", "ok"),
        ({"ahead_ms": -3_000}, "skew", "warn"),
        ({"is_open": None}, "password", "warn"),
        ({"is_local": True, "is_encrypted": False, "is_verified": False, "is_open": True}, "", "ok"),
        ({"is_verified": False}, "tls", "fail"),
        ({"is_local": True, "is_verified": False}, "", "ok"),
        ({"has_log": False, "snapshots": None}, "durable", "warn"),
        ({"cuts_log": True}, "durable", "warn"),
        ({"cuts_log": True, "product": "Valkey", "version": (8, 1, 9)}, "durable", "warn"),
        ({"cuts_log": True, "product": "Valkey", "version": (8, 1, 10)}, "", "ok"),
        ({"cuts_log": True, "has_log": False}, "durable", "fail"),
    ],
)
def test_what_one_server_here_does_not_show(facts: dict[str, Any], check: str, verdict: Verdict) -> None:
    found = servers.judged(structs.replace(GOOD, **facts))
    assert {one.check: one.verdict for one in found if one.verdict != "ok"} == ({check: verdict} if check else {})
    assert all(one.advice for one in found if one.verdict != "ok")
