"""Stores that sin, one sin each, against one rule. They sin once and are otherwise as good as the store behind them."""

from typing import Any

from msgspec.structs import replace

from headrace.core import lifecycle
from headrace.core.commands import (
    Add,
    Added,
    Claim,
    Claimed,
    Command,
    Count,
    Counted,
    Find,
    Found,
    Move,
    Read,
    Remove,
    Settle,
    Settled,
    Source,
)
from headrace.core.errors import Unavailable
from headrace.core.jobs import FINISHED, JobRef, Lease, NewJob
from headrace.core.outcomes import Done
from headrace.storage.protocol import Storage, Wrapper, granted

SPARED = 3  # occasions let pass before the sin, so that it happens in the midst of things


class Sinner(Wrapper):
    """A store that may do otherwise than it was asked; `seen` is how often it could have sinned."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.seen = 0
        self.has_sinned = False

    async def run(self, *commands: Command[Any]) -> Any:
        replies = [await self.one(command) for command in commands]
        return replies[0] if len(commands) == 1 else tuple(replies)

    async def one(self, command: Command[Any]) -> Any:
        return await self.inner.run(command)

    def may(self, is_occasion: bool = True) -> bool:
        """Whether to sin now: once, at the first occasion after those that are spared."""
        self.seen += is_occasion
        if not is_occasion or self.has_sinned or self.seen <= SPARED:
            return False
        self.has_sinned = True
        return True


def plain(command: Command[Any]) -> bool:
    return isinstance(command, Add) and len(command.jobs) == 1


class Loses(Sinner):
    async def one(self, command: Command[Any]) -> Any:
        reply = await self.inner.run(command)
        if plain(command) and isinstance(reply, Added) and self.may():
            await self.inner.run(Remove(reply.jobs))
        return reply


class Hides(Sinner):
    """Claims for a worker that does not exist, and for ever."""

    async def one(self, command: Command[Any]) -> Any:
        if isinstance(command, Claim) and self.may():
            await self.inner.run(Claim(command.sources, 1, "nobody", 10**12))
        return await self.inner.run(command)


class Invents(Sinner):
    async def one(self, command: Command[Any]) -> Any:
        if plain(command) and self.may():
            await self.inner.run(Add((NewJob("q", "invented"),)))
        return await self.inner.run(command)


class AddsTwice(Sinner):
    """Does not know a request again; answers as if it did."""

    async def one(self, command: Command[Any]) -> Any:
        if isinstance(command, Add) and plain(command) and self.may():
            await self.inner.run(replace(command, request_id=None))
        return await self.inner.run(command)


class AnswersTwice(Sinner):
    """Does not know a request again, and says so."""

    async def one(self, command: Command[Any]) -> Any:
        return await self.inner.run(replace(command, request_id=None) if isinstance(command, Add) else command)


class Halves(Sinner):
    """Stores a part of a flow, and does not answer."""

    async def one(self, command: Command[Any]) -> Any:
        if isinstance(command, Add) and len(command.jobs) > 2 and self.may():
            await self.inner.run(replace(command, jobs=command.jobs[:-1]))
            raise Unavailable(problem="half of it is done")
        return await self.inner.run(command)


class SaysYes(Sinner):
    """Tells every worker that its outcome counts."""

    async def one(self, command: Command[Any]) -> Any:
        reply = await self.inner.run(command)
        return Settled((None,) * len(reply.refusals)) if isinstance(reply, Settled) else reply


class SettlesTwice(Sinner):
    """Ends a job a second time, behind everybody's back."""

    async def one(self, command: Command[Any]) -> Any:
        reply = await self.inner.run(command)
        if isinstance(command, Settle) and isinstance(reply, Settled):
            await self.again(command, reply)
        return reply

    async def again(self, command: Settle, reply: Settled) -> None:
        for made, refusal in zip(command.settlements, reply.refusals, strict=True):
            if refusal is None and made.to == "completed" and self.may():
                await self.inner.run(Move((JobRef(made.queue, made.id),), "retry"))
                await self.complete(made.queue, made.id)
                return

    async def complete(self, queue: str, id: str) -> None:
        claimed = granted(await self.inner.run(Claim((Source(queue),), 100, "nobody", 1)))
        for lease in claimed.leases:
            if lease.id == id:
                await self.inner.run(Settle((lifecycle.settle(lease, Done("2"), 0.0),)))


class ChangesOutcomes(Sinner):
    async def one(self, command: Command[Any]) -> Any:
        if isinstance(command, Settle):
            made = tuple(replace(one, result="0") if one.result and self.may() else one for one in command.settlements)
            return await self.inner.run(Settle(made))
        return await self.inner.run(command)


class Resurrects(SettlesTwice):
    """Runs a finished job again by itself."""

    async def complete(self, queue: str, id: str) -> None:
        return


class Completes(Sinner):
    """Completes a job that nobody has run."""

    async def one(self, command: Command[Any]) -> Any:
        if isinstance(command, Claim) and self.may():
            claimed = granted(await self.inner.run(Claim(command.sources, 1, "nobody", 10_000)))
            made = tuple(lifecycle.settle(lease, Done(), 0.0) for lease in claimed.leases if not lease.deferred)
            await self.inner.run(Settle(made))
            self.has_sinned = bool(made)
        return await self.inner.run(command)


class OnClaims(Sinner):
    """Changes what a claim gives."""

    async def one(self, command: Command[Any]) -> Any:
        reply = await self.inner.run(command)
        if isinstance(command, Claim) and isinstance(reply, Claimed):
            return replace(reply, leases=self.leases(reply.leases, command))
        return reply

    def leases(self, leases: tuple[Lease, ...], claim: Claim) -> tuple[Lease, ...]:
        raise NotImplementedError


class ForgetsRuns(OnClaims):
    """Numbers every run of a job alike."""

    def leases(self, leases: tuple[Lease, ...], claim: Claim) -> tuple[Lease, ...]:
        return tuple(replace(lease, attempts_started=1) for lease in leases)


class GivesTwice(OnClaims):
    """Gives a job to a second worker at the same time."""

    def leases(self, leases: tuple[Lease, ...], claim: Claim) -> tuple[Lease, ...]:
        if leases and self.may():
            again = leases[0]
            return (*leases, replace(again, token="another", attempts_started=again.attempts_started + 1))
        return leases


class DoesNotFence(Sinner):
    """Takes the outcome of whoever comes first, whatever the token."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.tokens: dict[tuple[str, str], str] = {}

    async def one(self, command: Command[Any]) -> Any:
        if isinstance(command, Settle):
            made = [replace(one, token=self.tokens.get((one.queue, one.id), "")) for one in command.settlements]
            return await self.inner.run(Settle(tuple(made)))
        reply = await self.inner.run(command)
        if isinstance(reply, Claimed):
            self.tokens |= {(lease.queue, lease.id): lease.token for lease in reply.leases}
        return reply


class ForgetsAttempts(OnClaims):
    """Never counts an attempt, so that a job that fails fails for ever."""

    def leases(self, leases: tuple[Lease, ...], claim: Claim) -> tuple[Lease, ...]:
        return tuple(replace(lease, attempts_made=0) for lease in leases)


class Hurries(Sinner):
    """Forgets delays."""

    async def one(self, command: Command[Any]) -> Any:
        if isinstance(command, Add):
            command = replace(command, jobs=tuple(replace(job, delay_ms=0) for job in command.jobs))
        return await self.inner.run(command)


class HurriesRetries(Sinner):
    """Forgets the pause before the next attempt."""

    async def one(self, command: Command[Any]) -> Any:
        if isinstance(command, Settle):
            at_once = [
                replace(one, to="waiting", delay_ms=0) if one.to == "delayed" else one for one in command.settlements
            ]
            command = Settle(tuple(at_once))
        return await self.inner.run(command)


class HurriesParents(Sinner):
    """Lets a parent run beside its children."""

    async def one(self, command: Command[Any]) -> Any:
        if isinstance(command, Add) and len(command.jobs) > 2 and self.may():
            root, *leaves = command.jobs
            free = (replace(root, has_children=False), *(replace(leaf, parent=None) for leaf in leaves))
            return await self.inner.run(replace(command, jobs=free))
        return await self.inner.run(command)


class ListsTwice(Sinner):
    async def one(self, command: Command[Any]) -> Any:
        reply = await self.inner.run(command)
        if isinstance(command, Find) and command.state == "delayed":
            more = await self.inner.run(replace(command, state="completed"))
            return Found(reply.jobs + more.jobs[:1], None)
        return reply


class Miscounts(Sinner):
    async def one(self, command: Command[Any]) -> Any:
        reply = await self.inner.run(command)
        if isinstance(command, Count):
            return Counted({queue: by | {"failed": by["failed"] + 1} for queue, by in reply.queues.items()})
        return reply


class OnEvents(Sinner):
    """Changes what a log tells."""

    async def one(self, command: Command[Any]) -> Any:
        reply = await self.inner.run(command)
        return replace(reply, entries=self.entries(reply.entries)) if isinstance(command, Read) else reply

    def entries(self, entries: tuple[Any, ...]) -> tuple[Any, ...]:
        raise NotImplementedError


class ForgetsOutcomes(OnEvents):
    def entries(self, entries: tuple[Any, ...]) -> tuple[Any, ...]:
        ends = [entry for entry in entries if any(f'"state":"{state}"' in entry.body for state in FINISHED)]
        return tuple(replace(entry, body='{"state":"progress"}') if entry in ends[3:4] else entry for entry in entries)


class Jumps(OnEvents):
    def entries(self, entries: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(replace(entry, body=entry.body.replace('"was":"waiting"', '"was":"failed"')) for entry in entries)


class Skips(OnEvents):
    def entries(self, entries: tuple[Any, ...]) -> tuple[Any, ...]:
        return entries[:3] + entries[4:]


SINS: dict[str, tuple[type[Sinner], ...]] = {
    "lost": (Loses,),
    "stuck": (Hides,),
    "phantom": (Invents,),
    "double-add": (AddsTwice, AnswersTwice),
    "flow-atomic": (Halves,),
    "double-outcome": (SaysYes, SettlesTwice),
    "outcome-changed": (ChangesOutcomes,),
    "resurrected": (Resurrects,),
    "never-ran": (Completes,),
    "token": (ForgetsRuns,),
    "fence": (DoesNotFence,),
    "double-run": (GivesTwice,),
    "too-many-runs": (ForgetsAttempts,),
    "early": (Hurries, HurriesRetries),
    "parent-early": (HurriesParents,),
    "one-state": (ListsTwice,),
    "counts": (Miscounts,),
    "audit-missing": (ForgetsOutcomes,),
    "audit-illegal": (Jumps,),
    "audit-gap": (Skips,),
}
