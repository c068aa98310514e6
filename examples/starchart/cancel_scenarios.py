"""S14: a subdomain of variant B that nobody wants any more while the name servers are still being asked for it."""

import asyncio

import headrace

from .ending import Ending, Step, look
from .fake_dns import Faults
from .show import draw, watch
from .stage import ADDRESS, Scenario, Stage
from .undoing import step_of

S14 = Scenario(
    "S14",
    "Variant B, cancelled as a whole while it polls",
    Faults(never_in_sync=True, slow_ms=200),
    Ending(
        {
            "undo_request": Step("completed", 1),
            "activate_record": Step("failed", 0),
            "await_name_servers": Step("failed", 1),
            "change_dns": Step("completed", 1),
        },
        row=None,
        is_in_zone=False,
    ),
    teaches="to cancel a flow is an end like any other: the job that runs is told to stop, the open ones never "
    "begin, and the step undoes what was done.",
)


async def s14(stage: Stage) -> Ending:
    """The poll is told to stop, its parent is not run, and the step takes the record and the row away."""
    stage.set_faults(S14)
    service = stage.service
    job = await asyncio.to_thread(service.request, S14.name, ADDRESS)
    await begun(service.app, job, "await_name_servers")
    await job.cancel("the student has left", children=True)
    await watch(stage.console, service.app, job)
    step = await step_of(service.app, job)
    await step.result(timeout=10)
    stage.console.print(draw((await service.app.tree(step)).nodes[:1]), "")
    return await look(service, stage.dns, step, S14.name)


async def begun(app: headrace.App, root: headrace.Job[None], task: str) -> None:
    """Wait until the job of this task is run."""
    ref = next(node.job for node in (await app.tree(root)).nodes if node.name == task)
    async for event in app.queue(ref.queue).events(after=0):
        if isinstance(event, headrace.Event) and event.job == ref and event.state == "active":
            return
