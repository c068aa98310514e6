"""A store that writes down what its user asks and is told."""

import os
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from headrace.core.commands import Add, Added, Claim, Claimed, Command, Move, Remove, Renew, Renewed, Settle, Settled
from headrace.core.jobs import JobRef
from headrace.storage.protocol import Clock, Storage, Wrapper
from tests.history.facts import AddAsked, AddTold, Fact, Renewal, SettleAsked, SettleTold, Start, Touch

Write = Callable[[Fact], None]


class Recorder(Wrapper):
    """Another store, and an account of what goes in and out: `now` gives `at`, `clock` is the store's."""

    def __init__(self, inner: Storage, write: Write, *, who: str, now: Callable[[], int], clock: Clock) -> None:
        super().__init__(inner)
        self._write = write
        self._who = who
        self._now = now
        self._clock = clock
        self._calls = count()
        self._reached = 0
        if hasattr(inner, "run_blocking"):
            self.run_blocking = self._run_blocking  # who finds it renews from a thread

    async def run(self, *commands: Command[Any]) -> Any:
        calls = [f"{self._who}-{next(self._calls)}" for _ in commands]
        asked_at, asked_clock = self._now(), self._clock()
        for call, command in zip(calls, commands, strict=True):
            self._ask(call, command, asked_at, asked_clock)
        reply = await self.inner.run(*commands)
        replies = (reply,) if len(commands) == 1 else reply
        for call, command, answer in zip(calls, commands, replies, strict=True):
            self._tell(call, command, answer, asked_at, asked_clock)
        return reply

    def _run_blocking(self, command: Command[Any]) -> Any:
        call, asked_at, asked_clock = f"{self._who}-{next(self._calls)}", self._now(), self._clock()
        self._ask(call, command, asked_at, asked_clock)
        reply = self.inner.run_blocking(command)  # type: ignore[attr-defined]
        self._tell(call, command, reply, asked_at, asked_clock)
        return reply

    def _ask(self, call: str, command: Command[Any], at: int, clock: int) -> None:
        match command:
            case Add(jobs, request_id):
                self._write(AddAsked(call, at, jobs, request_id))
            case Settle(settlements):
                self._write(SettleAsked(call, at, clock, settlements))
            case Move(jobs, action):
                for ref in jobs:
                    self._write(Touch(at, action, ref))
            case Remove(jobs):
                for ref in jobs:
                    self._write(Touch(at, "remove", ref))

    def _tell(self, call: str, command: Command[Any], reply: Any, asked_at: int, asked_clock: int) -> None:
        at, clock = self._now(), self._clock()
        self._reached = max(self._reached, asked_clock, clock)
        match command, reply:
            case Add(), _:
                is_done = isinstance(reply, Added)
                self._write(AddTold(call, at, reply.jobs if is_done else None, reply.existing if is_done else ()))
            case Claim(), Claimed(leases):
                for lease in leases:
                    ends = asked_clock + command.lease_ms
                    times = (asked_at, at, clock, self._reached)
                    what = (lease.token, lease.attempts_started, lease.added_at, ends, lease.deferred is not None)
                    self._write(Start(*times, JobRef(lease.queue, lease.id), *what))
            case Settle(), Settled(refusals):
                self._write(SettleTold(call, at, tuple(refusal is None for refusal in refusals)))
            case Renew(holds, lease_ms), Renewed(lost):
                held = tuple(hold.token for hold in holds if JobRef(hold.queue, hold.id) not in lost)
                self._write(Renewal(held, asked_clock + lease_ms))


def of_process(inner: Storage, folder: Path, who: str) -> Recorder:
    """A recorder into a file of this process, by the clocks of the machine."""
    clock: Clock = lambda: time.time_ns() // 1_000_000  # noqa: E731
    return Recorder(inner, to_file(folder / f"{who}.facts"), who=who, now=time.monotonic_ns, clock=clock)


def to_file(path: Path) -> Write:
    """Writes facts so that a process that is killed leaves all of them, but for the one under its pen.

    Nobody else has written there: calls are told apart by the name of the file.
    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
    encode = msgspec.json.Encoder().encode
    return lambda fact: os.write(file, encode(fact) + b"\n") and None


def from_files(folder: Path) -> Iterator[Fact]:
    """The facts of all files of a folder."""
    decode = msgspec.json.Decoder(Fact).decode
    for path in sorted(folder.glob("*.facts")):
        *lines, torn = path.read_bytes().split(b"\n")
        yield from map(decode, lines)
        assert not torn or not torn.endswith(b"}"), "the last line has its end, or was cut off"
