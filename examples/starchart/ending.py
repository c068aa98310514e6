"""What a flow leaves behind, as values that can be expected, seen and compared."""

from collections.abc import Mapping
from dataclasses import dataclass

import headrace

from .app import Starchart
from .certificate_rows import CertificateStatus
from .fake_dns import FakeDns
from .records import Status


@dataclass(frozen=True, slots=True)
class Step:
    """The state of a job, and how many attempts it has made."""

    state: headrace.State
    attempts: int

    @classmethod
    def of(cls, record: headrace.JobRecord) -> "Step":
        # A job that its child has failed is settled like any other, which counts as an attempt, but it was never run.
        is_never_run = record.failure is not None and record.failure.cause == "child-failed"
        return cls(record.state, 0 if is_never_run else record.attempts_made)

    @property
    def tries(self) -> str:
        return {0: "never run", 1: "1 attempt"}.get(self.attempts, f"{self.attempts} attempts")


Steps = Mapping[str, Step]


@dataclass(frozen=True, slots=True)
class Ending:
    """All there is to see in the end: the jobs by task, the row in the database, and the name in the zone or not."""

    jobs: Steps
    row: Status | None
    is_in_zone: bool

    def facts(self) -> dict[str, str]:
        """The same in words."""
        return {**told(self.jobs), "row": self.row or "none", "name in the zone": yes(self.is_in_zone)}


@dataclass(frozen=True, slots=True)
class CertificateEnding:
    """The same of a certificate: the jobs, the row, whether its proof is still in the zone, the mails to its owner."""

    jobs: Steps
    row: CertificateStatus
    is_proof_in_zone: bool
    mails: int

    def facts(self) -> dict[str, str]:
        """The same in words."""
        proof = {"proof in the zone": yes(self.is_proof_in_zone)}
        return {**told(self.jobs), "certificate": self.row, **proof, "mails": str(self.mails)}


def told(jobs: Steps) -> dict[str, str]:
    return {task: f"{step.state}, {step.tries}" for task, step in jobs.items()}


def yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


async def look(service: Starchart, dns: FakeDns, root: headrace.Job[None] | None, name: str) -> Ending:
    """What has become of the flow that was to make this name, or of the name if there is no flow."""
    row = service.records.find(name)
    return Ending(
        {} if root is None else await steps(service, root),
        row=None if row is None else row.status,
        is_in_zone=any(entry["name"] == name for entry in dns.zone()),
    )


async def look_at_certificate(
    service: Starchart, dns: FakeDns, root: headrace.Job[None], certificate_id: int
) -> CertificateEnding:
    """What has become of the flow that was to get this certificate."""
    row = service.certificates.get(certificate_id)
    return CertificateEnding(
        await steps(service, root),
        row=row.status,
        is_proof_in_zone=any(entry["name"] == f"_acme-challenge.{row.name}" for entry in dns.zone()),
        mails=sum(mail.recipient == row.owner for mail in service.certificates.mails()),
    )


async def steps(service: Starchart, root: headrace.Job[None]) -> dict[str, Step]:
    """The jobs of a flow by task."""
    records = [node.record for node in (await service.app.tree(root)).nodes if node.record is not None]
    return {record.name: Step.of(record) for record in records}
