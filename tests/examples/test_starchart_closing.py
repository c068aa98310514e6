"""The certificate that is closed by a step, on the stores that are built."""

from examples.starchart.better_certificates import CLOSING
from examples.starchart.certificate_rows import Mail
from examples.starchart.closing_scenarios import S17, s17
from examples.starchart.fake_dns import Faults
from tests.examples.play import Play, assert_at_least, assert_failed_by, failure, pauses, record


async def test_s17_a_rejected_challenge_is_cleaned_up_once_by_the_step(stage: Play) -> None:
    jobs = await stage.ends(S17.expected, s17(stage.stage))
    once = ("create_order", "wait_dns", "close_certificate", "send_mail")
    assert stage.runs == {"complete_challenges": 5} | dict.fromkeys(once, 1)
    assert failure(jobs["complete_challenges"]).reason == f"the challenge of {S17.name} was rejected"
    assert_failed_by(jobs["complete_order"], jobs["complete_challenges"])
    row = stage.service.certificates.get(1)
    assert (row.status, row.order_id, row.certificate) == ("failed", "", "")
    assert stage.stage.dns.zone() == []
    assert stage.service.certificates.mails() == [Mail(row.owner, f"there is no certificate of {S17.name}")]


async def test_a_certificate_that_was_issued_is_closed_without_a_second_mail(stage: Play) -> None:
    certificate_id = stage.service.certificates.add("fine.students.example", "owner")
    job = await stage.app.enqueue(stage.service.certify_and_close(certificate_id))
    async with stage.app.worker() as worker:
        await job.result(timeout=10)
        await worker.run_until_idle()
    row = stage.service.certificates.get(certificate_id)
    assert (row.status, row.order_id) == ("issued", "O1")
    assert stage.service.certificates.mails() == [Mail("owner", "the certificate of fine.students.example is issued")]
    assert (stage.stage.dns.zone(), stage.runs["close_certificate"]) == ([], 1)


async def test_a_provider_that_is_down_delays_the_step_and_doubles_nothing(stage: Play) -> None:
    await stage.app.queue(CLOSING).pause()
    stage.stage.set_faults(S17)
    certificate_id = stage.service.certificates.add(S17.name, "owner")
    await stage.app.enqueue(stage.service.certify_and_close(certificate_id))
    (step,) = await stage.app.queue(CLOSING).jobs()
    async with stage.app.worker() as worker:
        await worker.run_until_idle()
        stage.stage.dns.set_faults(Faults(fail_next=2))
        await stage.app.queue(CLOSING).resume()
        await step.result(timeout=10)
        await worker.run_until_idle()
    await step.refresh()
    assert [one.kind for one in record(step).failures] == ["DnsUnavailable"] * 2
    assert_at_least(await pauses(stage.app, step), [60, 120])
    assert (len(stage.service.certificates.mails()), stage.stage.dns.zone()) == (1, [])
