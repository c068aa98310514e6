from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import headrace
from examples.rate_limited_api.client import make_client
from examples.rate_limited_api.server import Api
from headrace import storage
from headrace.storage.protocol import Storage

CITIES = ("Aachen", "Bonn", "Coburg", "Dresden", "Essen")


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, prefix_on: Callable[[str], str]) -> Callable[[], Storage]:
    if request.param == "sqlite":
        return lambda: storage.open(f"sqlite:///{tmp_path}/jobs.db")
    url = request.getfixturevalue("valkey_url")
    prefix = prefix_on(url)
    return lambda: storage.open(url, prefix=prefix)


async def looked_up(store: Callable[[], Storage], api: Api, rate: headrace.Rate | None) -> Sequence[headrace.JobRecord]:
    client = make_client("memory://", api.url)
    client.use_store(store)
    async with client as app:
        await app.queue("api").limit(rate=rate)
        async with app.worker(concurrency=2):
            jobs = await app.enqueue_many(app.tasks["look_up"].call(city) for city in CITIES)
            assert [await job.result(timeout=20) for job in jobs] == [f"{city} found" for city in CITIES]
        return [await job.refresh() for job in jobs]


async def test_a_refusal_uses_up_no_attempt_and_the_queue_rests_as_the_api_says(
    store: Callable[[], Storage],
) -> None:
    with Api(most=2, per=0.15) as api:
        records = await looked_up(store, api, None)
        assert api.refused
        assert sorted(api.taken) == [f"/cities/{city}" for city in CITIES]
    assert [record.attempts_made for record in records] == [1] * 5
    assert sum(record.attempts_started for record in records) == 5 + api.refused


async def test_with_a_rate_of_our_own_nobody_is_refused(store: Callable[[], Storage]) -> None:
    with Api(most=2, per=0.15) as api:
        await looked_up(store, api, headrace.Rate(1, per=0.2))
        assert api.refused == 0


async def test_another_error_is_a_failure_like_any_other() -> None:
    async with make_client("memory://", "http://127.0.0.1:1") as app:
        job = await app.enqueue(app.tasks["look_up"].call("Aachen"))
        await app.worker().run_until_idle()
        with pytest.raises(headrace.errors.JobFailed, match="refused"):
            await job.result(timeout=0)
