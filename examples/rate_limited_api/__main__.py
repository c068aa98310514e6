"""`python -m examples.rate_limited_api`: twelve calls of an API that takes four in half a second."""

import asyncio
from tempfile import TemporaryDirectory

import headrace
from examples.rate_limited_api.client import make_client
from examples.rate_limited_api.server import Api

CITIES = "Aachen Bonn Coburg Dresden Essen Fulda Gotha Halle Ilmenau Jena Kiel Leipzig".split()


async def look_up(url: str, api: Api, rate: headrace.Rate | None) -> None:
    """Look up all cities, with this rate of the queue, and print what that cost."""
    refused = api.refused
    async with make_client(url, api.url) as app:
        await app.queue("api").limit(rate=rate)
        async with app.worker(concurrency=2):
            jobs = await app.enqueue_many(app.tasks["look_up"].call(city) for city in CITIES)
            found = [await job.result(timeout=30) for job in jobs]
        attempts = sum([(await job.refresh()).attempts_made for job in jobs])
    print(f"{len(found)} found in {attempts} attempts; refused: {'some' if api.refused > refused else 'none'}")


async def main(folder: str) -> None:
    """First as the API lets us, then as we know that it will."""
    with Api(most=4, per=0.5) as api:
        await look_up(f"sqlite:///{folder}/unlimited.db", api, None)
        await asyncio.sleep(0.5)
        await look_up(f"sqlite:///{folder}/limited.db", api, headrace.Rate(4, per=0.6))


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        asyncio.run(main(folder))
