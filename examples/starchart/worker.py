"""A worker of the service in a process of its own: `python -m examples.starchart.worker URL RECORDS DNS SCALE LEASE_S`.

It prints a line when it is ready, and works until its standard input ends: whoever started it has closed that, or died.
"""

import asyncio
import sys
from pathlib import Path

import headrace

from .app import starchart

SLOTS = 30
"""Jobs at once. Most of them write to one file, one at a time: many more would only wait for each other."""


async def main(url: str, records: str, dns: str, scale: str, lease_s: str) -> None:
    settings = headrace.Settings(lease=float(lease_s), poll=1.0)
    nobody = dns  # is asked for a certificate here
    service = starchart(url, records=Path(records), dns=dns, acme=nobody, scale=float(scale), settings=settings)
    async with service.app, service.app.worker(concurrency=SLOTS):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
