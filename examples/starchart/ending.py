"""What a flow leaves behind, as values that can be expected, seen and compared."""

from collections.abc import Mapping
from dataclasses import dataclass

import headrace

from .app import Starchart
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


@dataclass(frozen=True, slots=True)
class Ending:
    """All there is to see in the end: the jobs by task, the row in the database, and the name in the zone or not."""

    jobs: Mapping[str, Step]
    row: Status | None
    is_in_zone: bool

    def facts(self) -> dict[str, str]:
        """The same in words."""
        jobs = {task: f"{step.state}, {step.tries}" for task, step in self.jobs.items()}
        return {**jobs, "row": self.row or "none", "name in the zone": "yes" if self.is_in_zone else "no"}


async def look(service: Starchart, dns: FakeDns, root: headrace.Job[None], name: str) -> Ending:
    """What has become of the flow that was to make this name."""
    records = [node.record for node in (await service.app.tree(root)).nodes if node.record is not None]
    row = service.records.find(name)
    return Ending(
        {record.name: Step.of(record) for record in records},
        row=None if row is None else row.status,
        is_in_zone=any(entry["name"] == name for entry in dns.zone()),
    )
