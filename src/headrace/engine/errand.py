"""A run as a child process is given it, and the worker's answers to what the child asks meanwhile."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from headrace.core import codec, wire
from headrace.core.errors import HeadraceError, Misuse
from headrace.core.jobs import Lease
from headrace.core.outcomes import Done, Outcome
from headrace.engine.registry import Registry
from headrace.engine.run import Run, running
from headrace.executors.limits import Limits
from headrace.executors.messages import Answer, Ask
from headrace.executors.protocol import Ended

LEAVE_S: Final = 0.3  # to stop when the job is another worker's, or is to be: two should not run it at once


class RunErrand:
    """The run of a job, for a child."""

    def __init__(self, run: Run, limits: Limits) -> None:
        self.limits = limits
        self._run = run

    @property
    def lease(self) -> Lease:
        return self._run.lease

    @property
    def why(self) -> str:
        return self._run.why or "timeout"  # the clock cancels without a reason

    @property
    def grace_s(self) -> float:
        grace_s = self.limits.kill_after_ms / 1000
        return min(grace_s, LEAVE_S) if self.why in ("put-back", "lease-lost") else grace_s

    async def answer(self, ask: Ask) -> Answer:
        """What the store says to the child's commands."""
        commands = wire.read_commands(ask.commands)
        try:
            replies = [await self._run.storage.run(command) for command in commands]
        except HeadraceError as error:
            return Answer(ask.number, problem=str(error.fields.get("problem", error)))
        return Answer(ask.number, msgspec.Raw(wire.write_replies(tuple(replies))))

    def result(self, outcome: Outcome | None) -> Any:
        if isinstance(outcome, Done):
            return codec.decode(outcome.result)
        raise Ended(outcome)


def errands(registry: Registry) -> Callable[[], RunErrand]:
    """Makes an errand of the run that is under way."""

    def make() -> RunErrand:
        run = running.get()
        handler = None if run is None else registry.find(run.lease.queue, run.lease.name)
        if run is None or handler is None:
            raise Misuse("a child process runs jobs only")
        return RunErrand(run, handler.limits)

    return make
