"""Files of many tenants, imported side by side: whoever brings a mountain of them makes nobody else wait."""

import asyncio
from dataclasses import dataclass, field

import headrace


@dataclass
class Imports:
    """The app, and the files that were imported, each with its tenant, in this order."""

    app: headrace.App
    files: list[tuple[str, str]] = field(default_factory=list)

    @property
    def order(self) -> list[str]:
        """Whose files these were."""
        return [tenant for tenant, _ in self.files]


def make_imports(url: str, *, seconds: float = 0.02) -> Imports:
    """An app that imports each file in so many seconds."""
    app = headrace.App(url, settings=headrace.Settings())
    imports = Imports(app)

    @app.task(queue="imports")
    async def load(tenant: str, file: str) -> None:
        imports.files.append((tenant, file))
        await asyncio.sleep(seconds)

    return imports


async def limit(imports: Imports, *, running: int, waiting: int) -> None:
    """Say how much of one tenant may run at once, and wait."""
    capacity = headrace.Capacity(running=running, waiting=waiting)
    await imports.app.queue("imports").limit(per_key={"tenant": capacity})


async def bring(imports: Imports, tenant: str, count: int) -> int:
    """Add so many files of a tenant, as far as there is room; how many there was room for."""
    load = imports.app.tasks["load"]
    for number in range(count):
        try:
            await imports.app.enqueue(load.call(tenant, f"{number}.csv"))
        except headrace.errors.QueueFull:
            return number
    return count
