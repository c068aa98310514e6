import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

import headrace
from examples.starchart.app import DEFAULTS, starchart
from examples.starchart.fake_acme import FakeAcme
from examples.starchart.fake_dns import FakeDns
from examples.starchart.stage import Stage
from tests.examples.play import SCALE, Play


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Play]:
    file = tmp_path / "starchart.db"  # of the rows, and of the jobs if they are on SQLite
    url, settings = {"memory": "memory://", "sqlite": f"sqlite:///{file}"}.get(request.param), DEFAULTS
    if url is None:
        url, settings = request.getfixturevalue("valkey_url"), replace(DEFAULTS, prefix=f"t{uuid.uuid4().hex[:8]}")
    with FakeDns() as dns, FakeAcme(dns.zone) as acme:
        service = starchart(url, records=file, dns=dns.url, acme=acme.url, scale=SCALE, settings=settings)
        playing = Play(Stage(service, dns, acme, Console(quiet=True)))

        @service.app.middleware
        async def count(ctx: headrace.Context, call_next: Callable[[], Awaitable[Any]]) -> Any:
            playing.runs[ctx.job.name] += 1
            return await call_next()

        async with service.app:
            yield playing
