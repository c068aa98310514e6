from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import headrace
from examples.starchart.app import starchart
from examples.starchart.fake_acme import FakeAcme
from examples.starchart.fake_dns import FakeDns
from examples.starchart.stage import Stage
from tests.examples.play import SCALE, Play


@pytest.fixture(params=["memory", "sqlite"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Play]:
    file = tmp_path / "starchart.db"  # of the rows, and of the jobs if they are on SQLite
    url = "memory://" if request.param == "memory" else f"sqlite:///{file}"
    with FakeDns() as dns, FakeAcme(dns.zone) as acme:
        service = starchart(url, records=file, dns=dns.url, acme=acme.url, scale=SCALE)
        playing = Play(Stage(service, dns, acme, Console(quiet=True)))

        @service.app.middleware
        async def count(ctx: headrace.Context, call_next: Callable[[], Awaitable[Any]]) -> Any:
            playing.runs[ctx.job.name] += 1
            return await call_next()

        async with service.app:
            yield playing
