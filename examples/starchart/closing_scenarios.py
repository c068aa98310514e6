"""S17: a certificate whose challenge is rejected, and the step that closes the matter."""

from .better_certificates import CLOSING
from .certificates import NOTICES
from .ending import CertificateEnding, Step, look_at_certificate
from .fake_acme import AcmeFaults
from .fake_dns import Faults
from .show import draw, watch
from .stage import Scenario, Stage

S17 = Scenario(
    "S17",
    "A certificate, and the authority rejects the proof",
    Faults(),
    CertificateEnding(
        {
            "close_certificate": Step("completed", 1),
            "complete_order": Step("failed", 0),
            "complete_challenges": Step("failed", 5),
            "wait_dns": Step("completed", 1),
            "create_order": Step("completed", 1),
        },
        row="failed",
        is_proof_in_zone=False,
        mails=1,
    ),
    acme_faults=AcmeFaults(reject=frozenset({"s17.students.example"})),
    teaches="a step of `finally_` runs however the flow has ended: the proof is gone, the row says that it failed, "
    "and the owner has one mail, also if a worker is killed in the step.",
)


async def s17(stage: Stage) -> CertificateEnding:
    """One job fails five times, the one above it without being run, and the step cleans up after both."""
    stage.set_faults(S17)
    service = stage.service
    certificate_id = service.certificates.add(S17.name, f"owner@{S17.name}")
    job = await service.app.enqueue(service.certify_and_close(certificate_id))
    (step,) = await service.app.queue(CLOSING).jobs()
    await watch(stage.console, service.app, job)
    await step.result(timeout=10)
    stage.console.print(draw((await service.app.tree(step)).nodes[:1]), "")
    await (await service.app.get(NOTICES, f"failed-{certificate_id}")).result(timeout=10)
    return await look_at_certificate(service, stage.dns, step, certificate_id)
