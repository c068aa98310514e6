import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

import headrace
from examples.webapp.pictures import make_app
from examples.webapp.site import make_site
from tests.docs.page import ROOT


@pytest.fixture
def app() -> headrace.App:
    return make_app("memory://")


@pytest.fixture
async def client(app: headrace.App) -> AsyncIterator[httpx.AsyncClient]:
    site = make_site(app, has_worker=False)
    async with (
        site.router.lifespan_context(site),
        httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://site") as made,
    ):
        yield made


async def order(client: httpx.AsyncClient, subject: str, **headers: str) -> dict[str, str]:
    answer = await client.post("/pictures", json={"subject": subject, "seconds": 0}, headers=headers)
    assert answer.status_code == 202
    found: dict[str, str] = answer.json()
    return found


async def test_an_order_is_answered_before_it_is_painted(app: headrace.App, client: httpx.AsyncClient) -> None:
    made = await order(client, "a mill")
    state = (await client.get(made["state"])).json()
    assert (state["state"], state["progress"]) == ("waiting", None)
    assert state["why"] == ["no worker is running; start one: headrace worker APP", "it is next"]
    assert (await client.get(made["result"])).status_code == 202

    await app.worker().run_until_idle()
    assert (await client.get(made["state"])).json()["progress"] == 100
    answer = await client.get(made["result"])
    assert (answer.status_code, answer.json()) == (200, {"result": "a picture of a mill"})


async def test_who_waits_gets_the_result_when_it_is_there(app: headrace.App, client: httpx.AsyncClient) -> None:
    made = await order(client, "a weir")
    async with app.worker():
        answer = await client.get(made["result"], params={"wait": 10})
    assert answer.json() == {"result": "a picture of a weir"}


async def test_the_same_key_is_the_same_job(client: httpx.AsyncClient) -> None:
    first, again = [await order(client, "a mill", **{"Idempotency-Key": "k-1"}) for _ in range(2)]
    assert first == again
    answer = await client.post("/pictures", json={"subject": "x"}, headers={"Idempotency-Key": "7"})
    assert answer.status_code == 422


async def test_a_failure_is_told_and_what_is_not_there_is_not_found(
    app: headrace.App, client: httpx.AsyncClient
) -> None:
    made = await order(client, " ")
    await app.worker().run_until_idle()
    answer = await client.get(made["result"])
    assert (answer.status_code, answer.json()["cause"]) == (500, "unrecoverable")
    assert (await client.get("/pictures/77")).status_code == 404
    assert (await client.get("/pictures/77/result")).status_code == 404
    assert (await client.get("/pictures/1/result", params={"wait": 99})).status_code == 422


def test_it_serves_with_a_worker_of_its_own_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.webapp", "--port", "0"]
    environ = {**os.environ, "HEADRACE_URL": f"sqlite:///{tmp_path}/headrace.db"}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            url = next(found[0] for line in process.stderr if (found := re.search(r"http://[\d.]+:\d+", line)))
            made = httpx.post(f"{url}/pictures", json={"subject": "a mill", "seconds": 0}, timeout=10).json()
            answer = httpx.get(f"{url}{made['result']}", params={"wait": 10}, timeout=15)
            assert answer.json() == {"result": "a picture of a mill"}
        finally:
            process.send_signal(signal.SIGINT)
            process.stderr.read()  # type: ignore[union-attr]
            assert process.wait(20) in (0, -signal.SIGINT)
