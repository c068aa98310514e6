"""The steps of the showcase with real worker processes, of which one is killed in the step."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import headrace
from examples.starchart.better_certificates import CLOSING
from examples.starchart.certificate_rows import Mail
from examples.starchart.certificates import NOTICES
from examples.starchart.closing_scenarios import S17
from examples.starchart.ending import look_at_certificate
from examples.starchart.fake_acme import FakeAcme
from examples.starchart.fake_dns import FakeDns, Faults
from tests.faults.test_starchart_processes import Crew


@pytest.fixture
async def crew(tmp_path: Path) -> AsyncIterator[Crew]:
    with FakeDns() as dns, FakeAcme(dns.zone, S17.acme_faults) as acme:
        made = Crew(tmp_path, dns, acme.url)
        async with made.service.app, asyncio.timeout(60):
            yield made
        made.kill()


async def killed_in(crew: Crew, queue: str, step: headrace.Job[Any], root: headrace.Job[Any]) -> headrace.JobRecord:
    """Let the flow end; kill the worker of its step once the provider has obeyed; go on with another."""
    await crew.service.app.queue(queue).pause()
    first = await crew.worker()
    await crew.until_ended(root)
    accepted = crew.dns.counters()["accepted"]
    crew.dns.set_faults(Faults(slow_ms=60_000))
    await crew.service.app.queue(queue).resume()
    await crew.until(lambda: crew.dns.counters()["accepted"] == accepted + 1)
    first.kill()
    crew.dns.set_faults(Faults())
    await crew.worker()
    await step.result(timeout=30)
    return await step.refresh()


async def test_s17_a_worker_killed_in_the_step_leaves_one_mail_and_no_proof(crew: Crew) -> None:
    service = crew.service
    certificate_id = service.certificates.add(S17.name, f"owner@{S17.name}")
    root = await service.app.enqueue(service.certify_and_close(certificate_id))
    (step,) = await service.app.queue(CLOSING).jobs()
    record = await killed_in(crew, CLOSING, step, root)
    assert (record.attempts_started, record.attempts_made, record.stalls) == (2, 1, 1)
    (notice,) = await service.app.queue(NOTICES).jobs()
    await notice.result(timeout=30)
    assert await look_at_certificate(service, crew.dns, step, certificate_id) == S17.expected
    row = service.certificates.get(certificate_id)
    assert (row.order_id, service.certificates.mails()) == (
        "",
        [Mail(row.owner, f"there is no certificate of {S17.name}")],
    )
    counters = crew.dns.counters()
    assert (counters["accepted"], counters["duplicates"]) == (2, 1)  # the proof put and taken, and asked for once more
