"""S1B and S6B: the subdomain of variant B, when all goes well, and when the name is taken."""

import asyncio

from .ending import Ending, Step, look
from .fake_dns import Faults
from .records import DuplicateRecord
from .show import say, watch
from .stage import ADDRESS, Scenario, Stage
from .undoing import step_of

S1B = Scenario(
    "S1B",
    "Variant B, all goes well; the change is in sync at the third poll",
    Faults(insync_after_polls=3),
    Ending(
        {
            "activate_record": Step("completed", 1),
            "await_name_servers": Step("completed", 1),
            "change_dns": Step("completed", 1),
        },
        row="active",
        is_in_zone=True,
    ),
    teaches="to wait is no failure: it was asked three times, in one attempt.",
)
S6B = Scenario(
    "S6B",
    "Variant B, the name is taken",
    Faults(),
    Ending({}, row="pending", is_in_zone=False),
    teaches="the row and the flow are one transaction, so where there is no row there is no job, "
    "and nobody asks the DNS provider for a record that has no owner.",
)


async def s1b(stage: Stage) -> Ending:
    """Three jobs complete, each at its first attempt."""
    return await play_better(stage, S1B)


async def s6b(stage: Stage) -> Ending:
    """No job is added, and the row that was there stays as it is."""
    stage.set_faults(S6B)
    stage.service.records.add(S6B.name, "192.0.2.99")
    try:
        await asyncio.to_thread(stage.service.request, S6B.name, ADDRESS)
    except DuplicateRecord as error:
        say(stage.console, f"{type(error).__name__}: {error}\n")
    return await look(stage.service, stage.dns, None, S6B.name)


async def play_better(stage: Stage, scenario: Scenario[Ending]) -> Ending:
    """Ask for a subdomain, watch until every job of its flow has ended, and see what is left."""
    stage.set_faults(scenario)
    job = await asyncio.to_thread(stage.service.request, scenario.name, ADDRESS)
    step = await step_of(stage.service.app, job)
    await watch(stage.console, stage.service.app, job)
    await step.result(timeout=10)  # which has nothing to do when all went well
    return await look(stage.service, stage.dns, job, scenario.name)
