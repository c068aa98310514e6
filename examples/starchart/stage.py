"""What a scenario is, and where it is played."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from rich.console import Console

import headrace

from .app import Starchart
from .ending import Ending, look
from .fake_acme import AcmeFaults, FakeAcme
from .fake_dns import FakeDns, Faults
from .show import watch

ADDRESS = "192.0.2.7"
HEALTHY = AcmeFaults()


class Facts(Protocol):
    """An ending of any kind: it can be compared, and told in words."""

    def facts(self) -> dict[str, str]: ...


E = TypeVar("E", bound=Facts)


@dataclass(frozen=True, slots=True)
class Scenario(Generic[E]):
    """What goes wrong while a subdomain, or its certificate, is made, and the ending that must follow."""

    id: str
    title: str
    faults: Faults
    expected: E
    acme_faults: AcmeFaults = HEALTHY
    work_type: str = "create"
    teaches: str = ""

    @property
    def name(self) -> str:
        """The subdomain: one of its own for each scenario."""
        return f"{self.id.lower()}.students.example"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where scenarios are played: the service, provider and authority that fail when told to, and where to show it."""

    service: Starchart
    dns: FakeDns
    acme: FakeAcme
    console: Console

    def set_faults(self, scenario: Scenario[Any]) -> None:
        self.dns.set_faults(scenario.faults)
        self.acme.set_faults(scenario.acme_faults)

    async def follow(self, job: headrace.Job[None], name: str) -> Ending:
        """Watch the flow that is to make a subdomain until its last job has ended, and see what is left."""
        await watch(self.console, self.service.app, job)
        return await look(self.service, self.dns, job, name)


Play: TypeAlias = Callable[[Stage], Awaitable[Facts]]
