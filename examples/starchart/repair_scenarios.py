"""S13: a flow that has failed, healed from the command line."""

import asyncio
import os
import sys

from .ending import Ending, Step, look
from .fake_dns import Faults
from .show import draw, say, watch
from .stage import ADDRESS, Scenario, Stage

S13 = Scenario(
    "S13",
    "As S4; then the provider is back, and the flow is retried from a shell",
    Faults(down=True),
    Ending(
        {
            "sync_db_status": Step("completed", 1),
            "add_db_record": Step("completed", 1),
            "check_dns_status": Step("completed", 1),
            "create_dns_record": Step("completed", 1),
        },
        row="active",
        is_in_zone=True,
    ),
    teaches="`headrace flows retry` runs again what has failed, and nothing else: the row was added once, and its id "
    "was still there for the job that needed it.",
)


async def s13(stage: Stage) -> Ending:
    """Three of four jobs fail; when the provider is back these three run again, and complete."""
    stage.set_faults(S13)
    service = stage.service
    root = await service.app.enqueue(service.create(S13.name, ADDRESS))
    await watch(stage.console, service.app, root)
    stage.dns.set_faults(Faults())
    await command(stage, "flows", "retry", str(root.ref))
    await root.result(timeout=10)
    stage.console.print(draw((await service.app.tree(root)).nodes), "")
    return await look(service, stage.dns, root, S13.name)


async def command(stage: Stage, *words: str) -> None:
    """Call `headrace` as a shell does, in another process, so the jobs must not be in memory; show what it says."""
    say(stage.console, f"$ headrace {' '.join(words)}", "bold")
    settings = stage.service.app.settings
    tokens = [sys.executable, "-m", "headrace", *words, "--url", str(settings.url)]
    environ = os.environ | ({"HEADRACE_PREFIX": settings.prefix} if settings.prefix else {})
    process = await asyncio.create_subprocess_exec(*tokens, stdout=asyncio.subprocess.PIPE, env=environ)
    out, _ = await process.communicate()
    say(stage.console, out.decode())
    assert process.returncode == 0, f"it ended with {process.returncode}"
