"""S15: the tree of variant A, with siblings that are cancelled, when the name is taken."""

from .ending import Ending, Step, look
from .fake_dns import Faults
from .show import draw, watch
from .stage import ADDRESS, Scenario, Stage
from .undoing import step_of

CHECKS = "check-dns-status"

S15 = Scenario(
    "S15",
    "As A, but siblings are cancelled; the name is taken, and nobody asks the name servers yet",
    Faults(),
    Ending(
        {
            "undo_create": Step("completed", 1),
            "sync_db_status": Step("failed", 0),
            "add_db_record": Step("failed", 5),
            "check_dns_status": Step("failed", 0),
            "create_dns_record": Step("completed", 1),
        },
        row="pending",  # that of the owner, who was there before
        is_in_zone=False,
    ),
    teaches='with `on_sibling_failure="cancel"` a branch ends when the other has failed, and a step undoes what it has '
    "done: the record that nobody owns, as in S6, is not there.",
)


async def s15(stage: Stage) -> Ending:
    """One job fails five times; the check beside it is cancelled unrun, and the record below that is taken away."""
    stage.set_faults(S15)
    service = stage.service
    service.records.add(S15.name, "192.0.2.99")
    await service.app.queue(CHECKS).pause()
    job = await service.app.enqueue(service.create_or_nothing(S15.name, ADDRESS))
    await watch(stage.console, service.app, job)
    await service.app.queue(CHECKS).resume()
    step = await step_of(service.app, job)
    await step.result(timeout=10)
    stage.console.print(draw((await service.app.tree(step)).nodes[:1]), "")
    return await look(service, stage.dns, step, S15.name)
