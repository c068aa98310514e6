"""S1 and S4: the subdomain of variant A, when all goes well, and when DNS is down for good."""

from .ending import Ending, Step
from .fake_dns import Faults
from .stage import ADDRESS, Scenario, Stage

S1 = Scenario(
    "S1",
    "All goes well; the change is in sync at the third poll",
    Faults(insync_after_polls=3),
    Ending(
        {
            "sync_db_status": Step("completed", 1),
            "add_db_record": Step("completed", 1),
            "check_dns_status": Step("completed", 3),
            "create_dns_record": Step("completed", 1),
        },
        row="active",
        is_in_zone=True,
    ),
)
S4 = Scenario(
    "S4",
    "The DNS provider is down for good",
    Faults(down=True),
    Ending(
        {
            "sync_db_status": Step("failed", 0),
            "add_db_record": Step("completed", 1),
            "check_dns_status": Step("failed", 0),
            "create_dns_record": Step("failed", 5),
        },
        row="pending",
        is_in_zone=False,
    ),
    teaches="a flow that fails undoes nothing: the row was added beside the DNS branch, not after it, "
    "so it is an orphan now, pending for ever, with no job left to change it.",
)


async def s1(stage: Stage) -> Ending:
    """All four jobs complete, the check at its third attempt, and the row is active."""
    return await play(stage, S1)


async def s4(stage: Stage) -> Ending:
    """One job fails five times, the two above it fail without being run, and the fourth leaves a pending row."""
    return await play(stage, S4)


async def play(stage: Stage, scenario: Scenario[Ending]) -> Ending:
    """Ask for a subdomain, watch until every job of its flow has ended, and see what is left."""
    stage.set_faults(scenario)
    service = stage.service
    job = await service.app.enqueue(service.create(scenario.name, ADDRESS, scenario.work_type))
    return await stage.follow(job, scenario.name)
