"""The flow of a certificate, as published, on the stores that are built."""

from dataclasses import replace

import pytest

import headrace
from examples.starchart.certificate_rows import Mail
from examples.starchart.certificate_scenarios import S16, S18, play_certificate, s16, s18
from examples.starchart.ending import CertificateEnding, Step
from examples.starchart.fake_acme import AcmeFaults
from examples.starchart.fake_dns import Faults
from examples.starchart.stage import Scenario
from tests.examples.play import DONE, UNRUN, Play, assert_at_least, assert_failed_by, failure, pauses, record

HAPPY = {**S16.expected.jobs, "wait_dns": DONE}


async def test_s16_all_five_complete_the_proof_is_gone_and_one_mail_is_sent(stage: Play) -> None:
    jobs = await stage.ends(S16.expected, s16(stage.stage))
    wait = jobs["wait_dns"]
    once = ("create_order", "complete_challenges", "complete_order", "clean_dns", "send_mail")
    assert stage.runs == {"wait_dns": 4} | dict.fromkeys(once, 1)
    assert_at_least(await pauses(stage.app, wait), [10, 20, 40])
    assert [one.kind for one in record(wait).failures] == ["NotYet"] * 3
    assert (record(wait).options.attempts, record(jobs["clean_dns"]).options.attempts) == (10, 3)
    assert stage.stage.dns.zone() == []
    assert stage.service.certificates.mails() == [
        Mail(f"owner@{S16.name}", f"the certificate of {S16.name} is issued"),
    ]
    assert stage.service.certificates.get(1).certificate == f"certificate O1 of {S16.name}"
    counters = stage.stage.acme.counters()
    assert (counters["accepted"], counters["challenges"], counters["issued"]) == (1, 1, 1)


async def test_jobs_that_run_again_order_once_issue_once_and_send_one_mail(stage: Play) -> None:
    jobs = await stage.ends(S16.expected, s16(stage.stage))
    async with stage.app.worker() as worker:
        for task in ("create_order", "complete_order"):
            await jobs[task].retry()
        await worker.run_until_idle()
    assert (stage.runs["create_order"], stage.runs["complete_order"], stage.runs["send_mail"]) == (2, 2, 1)
    counters = stage.stage.acme.counters()
    assert (counters["accepted"], counters["duplicates"], counters["issued"]) == (1, 1, 1)
    assert len(stage.service.certificates.mails()) == 1
    assert stage.stage.dns.zone() == []


async def test_s18_a_setup_error_fails_at_the_first_attempt_and_its_chain_is_told(stage: Play) -> None:
    jobs = await stage.ends(S18.expected, s18(stage.stage))
    create = jobs["create_order"]
    assert (failure(create).reason, failure(create).cause) == (
        "the directory of the authority has no 'orders'",
        "unrecoverable",
    )
    assert await pauses(stage.app, create) == []
    trace = failure(create).trace
    chain = ["KeyError: 'orders'", "AcmeSetupError: the directory", "Unrecoverable: the directory", "in create_order"]
    assert all(link in trace for link in chain)
    assert trace.index(chain[0]) < trace.index(chain[1]) < trace.index(chain[2])
    assert trace.count("The above exception was the direct cause of the following exception") == 2
    assert_failed_by(jobs["wait_dns"], create)
    assert_failed_by(jobs["clean_dns"], jobs["complete_order"])
    assert stage.runs == {"create_order": 1}
    counters = stage.stage.acme.counters()
    assert (counters["GET /directory"], counters["submits"]) == (1, 0)


async def test_an_authority_that_does_not_answer_is_asked_again(stage: Play) -> None:
    expected = CertificateEnding({**HAPPY, "create_order": Step("completed", 3)}, "issued", False, 1)
    down = replace(S16, id="S18b", faults=Faults(), acme_faults=AcmeFaults(fail_next=2), expected=expected)
    jobs = await stage.ends(expected, play_certificate(stage.stage, down))
    assert [one.kind for one in record(jobs["create_order"]).failures] == ["AcmeUnavailable"] * 2
    assert_at_least(await pauses(stage.app, jobs["create_order"]), [60, 120])


async def test_s17_as_published_a_rejected_challenge_is_tried_in_vain_and_leaves_the_proof(stage: Play) -> None:
    steps = {"clean_dns": UNRUN, "complete_order": UNRUN, "complete_challenges": Step("failed", 5)}
    expected = CertificateEnding({**HAPPY, **steps}, row="pending", is_proof_in_zone=True, mails=0)
    faults = AcmeFaults(reject=frozenset({"s17.students.example"}))
    jobs = await stage.ends(
        expected, play_certificate(stage.stage, Scenario("S17", "", Faults(), expected, acme_faults=faults))
    )
    assert failure(jobs["complete_challenges"]).reason == "the challenge of s17.students.example was rejected"
    assert_failed_by(jobs["clean_dns"], jobs["complete_order"])
    assert stage.runs["clean_dns"] == stage.runs["send_mail"] == 0


async def test_the_root_says_which_child_has_failed(stage: Play) -> None:
    jobs = await stage.ends(S18.expected, s18(stage.stage))
    with pytest.raises(headrace.errors.JobFailed, match=f"child {jobs['complete_order'].ref} failed"):
        await jobs["clean_dns"].result()
