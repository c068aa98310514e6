"""The steps of the showcase with real worker processes, of which one is killed in the step."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

import headrace
from examples.starchart.better_certificates import CLOSING
from examples.starchart.cancel_scenarios import S14
from examples.starchart.certificate_rows import Mail
from examples.starchart.certificates import NOTICES
from examples.starchart.closing_scenarios import S17
from examples.starchart.ending import look_at_certificate
from examples.starchart.fake_acme import FakeAcme
from examples.starchart.fake_dns import FakeDns, Faults
from examples.starchart.stage import ADDRESS
from examples.starchart.undoing import UNDOING, step_of
from tests.faults.test_starchart_processes import Crew


@pytest.fixture
async def crew(tmp_path: Path) -> AsyncIterator[Crew]:
    with FakeDns() as dns, FakeAcme(dns.zone, S17.acme_faults) as acme:
        made = Crew(tmp_path, dns, acme.url)
        async with made.service.app, asyncio.timeout(60):
            yield made
        made.kill()


async def killed_in(
    crew: Crew, queue: str, step: headrace.Job[Any], root: headrace.Job[Any], first: Popen[str]
) -> headrace.JobRecord:
    """Let the flow end, whose step is paused; kill the worker of the step once it has asked; go on with another."""
    await crew.until_ended(root)
    submits = crew.dns.counters()["submits"]
    crew.dns.set_faults(Faults(slow_ms=60_000))
    await crew.service.app.queue(queue).resume()
    await crew.until(lambda: crew.dns.counters()["submits"] > submits)
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
    await service.app.queue(CLOSING).pause()
    record = await killed_in(crew, CLOSING, step, root, await crew.worker())
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


async def test_s14_a_worker_killed_in_the_step_that_undoes_leaves_a_clean_zone(crew: Crew) -> None:
    service = crew.service
    crew.dns.set_faults(Faults(never_in_sync=True))
    root = await asyncio.to_thread(service.request, S14.name, ADDRESS)
    step = await step_of(service.app, root)
    poller = await crew.worker()
    await crew.until(lambda: crew.dns.counters()["polls"] > 0)
    await service.app.queue(UNDOING).pause()
    await root.cancel(children=True)
    record = await killed_in(crew, UNDOING, step, root, poller)
    assert (record.attempts_started, record.attempts_made, record.stalls) == (2, 1, 1)
    assert (crew.dns.zone(), service.records.find(S14.name)) == ([], None)
    assert crew.dns.counters()["accepted"] == 2  # the change, and what takes it back


async def test_a_worker_killed_in_a_request_of_a_cancelled_flow_leaves_a_clean_zone(crew: Crew) -> None:
    """The provider has made the record, nobody has heard of it, and the job will not be run again."""
    service = crew.service
    crew.dns.set_faults(Faults(slow_ms=60_000))
    root = await asyncio.to_thread(service.request, S14.name, ADDRESS)
    step = await step_of(service.app, root)
    first = await crew.worker()
    await crew.until(lambda: crew.dns.counters()["accepted"] == 1)
    first.kill()
    await root.cancel(children=True)
    crew.dns.set_faults(Faults())
    await crew.worker()
    await step.result(timeout=30)
    assert (crew.dns.zone(), service.records.find(S14.name)) == ([], None)
