"""A worker of the showcase: `python -m tests.faults.crew URL RECORDS DNS ACME SCALE LEASE_S`. Says when it is ready."""

import asyncio
import sys
from pathlib import Path

import headrace
from examples.starchart.app import starchart


async def main(url: str, records: str, dns: str, acme: str, scale: float, lease: float) -> None:
    settings = headrace.Settings(lease=lease, poll=1.0)
    service = starchart(url, records=Path(records), dns=dns, acme=acme, scale=scale, settings=settings)

    @service.app.on("started")
    def tell() -> None:
        print("ready", flush=True)

    async with service.app:
        await service.app.worker().run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], *sys.argv[3:5], *map(float, sys.argv[5:])))
