"""The servers that other tests rely on are what those tests believe them to be."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
import redis

from tests.servers import postgres, valkey
from tests.servers.available import or_skip
from tests.servers.process import wait_until


@pytest.mark.usefixtures("server_of_ours")
def test_valkey_keeps_what_it_acknowledges_and_evicts_nothing(valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url, decode_responses=True) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        client.set("greeting", "hello")
        assert client.getdel("greeting") == "hello"


def test_redis_7_is_one_and_keeps_what_it_acknowledges(redis7_url: str) -> None:
    with redis.Redis.from_url(redis7_url, decode_responses=True) as client:
        assert client.info("server")["redis_version"].startswith("7.")
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_postgres_syncs_what_it_commits(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            assert connection.execute("SELECT current_setting(%s)", [name]).fetchone() == ("on",)
        connection.execute("CREATE TEMPORARY TABLE t (n int)")
        connection.execute("INSERT INTO t SELECT generate_series(1, 3)")
        assert connection.execute("SELECT sum(n) FROM t").fetchone() == (6,)


def test_a_killed_valkey_comes_back_on_its_port() -> None:
    with or_skip(valkey.running()) as server, redis.Redis.from_url(server.url, decode_responses=True) as client:
        client.set("kept", "yes")
        client.execute_command("WAITAOF", 1, 0, 5000)
        server.kill()
        server.start()
        assert client.get("kept") == "yes"


def test_a_killed_postgres_comes_back_with_what_was_committed() -> None:
    with or_skip(postgres.running()) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept (n int)")
        server.kill()
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
@pytest.mark.parametrize("engine", ["valkey", "redis7", "postgres"])
def test_a_server_ends_with_a_test_run_that_was_killed(engine: str) -> None:
    program = (
        f"import signal\nfrom tests.servers import {engine} as engine\n"
        "with engine.running() as server:\n    print(server.process.pid, flush=True); signal.pause()"
    )
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)  # PostgreSQL comes here as another user
        environment = {**os.environ, "TMPDIR": directory}
        with subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE) as parent:
            assert parent.stdout is not None
            pid = parent.stdout.readline()
            parent.kill()
        if not pid:
            pytest.skip(f"no {engine} here")
        assert wait_until(lambda: not alive(int(pid)), 15)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
