"""S16 and S18: a certificate, when all goes well, and when the authority cannot be used."""

from .certificates import NOTICES
from .ending import CertificateEnding, Step, look_at_certificate
from .fake_acme import AcmeFaults
from .fake_dns import Faults
from .show import watch
from .stage import Scenario, Stage

S16 = Scenario(
    "S16",
    "A certificate, all goes well; the proof is in sync at the fourth poll",
    Faults(insync_after_polls=4),
    CertificateEnding(
        {
            "clean_dns": Step("completed", 1),
            "complete_order": Step("completed", 1),
            "complete_challenges": Step("completed", 1),
            "wait_dns": Step("completed", 4),
            "create_order": Step("completed", 1),
        },
        row="issued",
        is_proof_in_zone=False,
        mails=1,
    ),
)
S18 = Scenario(
    "S18",
    "A certificate, and the authority has no directory",
    Faults(),
    CertificateEnding(
        {
            "clean_dns": Step("failed", 0),
            "complete_order": Step("failed", 0),
            "complete_challenges": Step("failed", 0),
            "wait_dns": Step("failed", 0),
            "create_order": Step("failed", 1),
        },
        row="pending",
        is_proof_in_zone=False,
        mails=0,
    ),
    acme_faults=AcmeFaults(is_misconfigured=True),
    teaches="`raise Unrecoverable(…) from error` fails at the first attempt, and the trace of the job "
    "tells the whole chain of errors, from the first on.",
)


async def s16(stage: Stage) -> CertificateEnding:
    """All five jobs complete, the wait at its fourth attempt; the proof is gone, and the owner has one mail."""
    return await play_certificate(stage, S16)


async def s18(stage: Stage) -> CertificateEnding:
    """The first job fails at once, and the four above it without being run."""
    return await play_certificate(stage, S18)


async def play_certificate(stage: Stage, scenario: Scenario[CertificateEnding]) -> CertificateEnding:
    """Ask for a certificate, watch until every job of its flow has ended, and see what is left."""
    stage.set_faults(scenario)
    service = stage.service
    certificate_id = service.certificates.add(scenario.name, f"owner@{scenario.name}")
    job = await service.app.enqueue(service.certify(certificate_id))
    await watch(stage.console, service.app, job)
    for notice in await service.app.queue(NOTICES).jobs():
        await notice.result(timeout=10)
    return await look_at_certificate(service, stage.dns, job, certificate_id)
