"""The facts in order, by job."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from headrace.core.commands import Settlement
from headrace.core.jobs import FINISHED, JobRef, NewJob
from tests.history.facts import AddAsked, AddTold, Fact, Renewal, SettleAsked, SettleTold, Start, Touch


class Asked(NamedTuple):
    """An Add and its answer; None when there was none."""

    asked: AddAsked
    told: AddTold | None


class Ending(NamedTuple):
    """A settlement that somebody asked for. `is_accepted` is None when there was no answer."""

    settlement: Settlement
    asked_at: int
    told_at: int
    clock: int
    is_accepted: bool | None

    @property
    def is_final(self) -> bool:
        return self.settlement.to in FINISHED

    @property
    def may_count(self) -> bool:
        return self.is_accepted is not False


class History:
    """Who did what to each job, in order of time."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.adds: dict[str, Asked] = {}
        self.jobs: dict[JobRef, NewJob] = {}
        """Every job of which somebody was told that it is stored, as it was asked for."""
        self.starts: dict[JobRef, list[Start]] = defaultdict(list)
        self.endings: dict[JobRef, list[Ending]] = defaultdict(list)
        self.touched: dict[JobRef, list[Touch]] = defaultdict(list)
        self.lease_ends: dict[str, int] = {}
        """What renewals promised, by token."""
        self._settles: dict[str, tuple[SettleAsked, SettleTold | None]] = {}
        for fact in facts:
            self._learn(fact)
        self._know_jobs()
        for asked, told in self._settles.values():
            self._know_endings(asked, told)
        for starts in self.starts.values():
            starts.sort(key=lambda start: (start.run, start.at))
        for endings in self.endings.values():
            endings.sort(key=lambda ending: ending.asked_at)

    def _learn(self, fact: Fact) -> None:
        match fact:
            case AddAsked(call):
                self.adds[call] = Asked(fact, None)
            case AddTold(call):
                self.adds[call] = Asked(self.adds[call].asked, fact)
            case Start(ref=ref):
                self.starts[ref].append(fact)
            case SettleAsked(call):
                self._settles[call] = fact, None
            case SettleTold(call):
                self._settles[call] = self._settles[call][0], fact
            case Renewal(tokens, ends):
                for token in tokens:
                    self.lease_ends[token] = max(ends, self.lease_ends.get(token, 0))
            case Touch(ref=ref):
                self.touched[ref].append(fact)

    def _know_jobs(self) -> None:
        for asked, told in self.adds.values():
            if told is None or told.refs is None:
                continue
            for at, (ref, job) in enumerate(zip(told.refs, asked.jobs, strict=True)):
                if at not in told.existing:
                    self.jobs.setdefault(ref, job)

    def _know_endings(self, asked: SettleAsked, told: SettleTold | None) -> None:
        for at, settlement in enumerate(asked.settlements):
            is_accepted = told.accepted[at] if told else None
            told_at = told.at if told else asked.at
            ending = Ending(settlement, asked.at, told_at, asked.clock, is_accepted)
            self.endings[JobRef(settlement.queue, settlement.id)].append(ending)

    def ends_of(self, start: Start) -> list[Ending]:
        """The settlements of one run."""
        return [ending for ending in self.endings[start.ref] if ending.settlement.token == start.token]

    def accepted(self, ref: JobRef) -> list[Ending]:
        """The outcomes for good of which somebody was told that they are recorded."""
        return [ending for ending in self.endings[ref] if ending.is_final and ending.is_accepted]

    def has_retried(self, ref: JobRef, before: int) -> bool:
        return any(touch.action == "retry" and touch.at <= before for touch in self.touched[ref])

    def is_removed(self, ref: JobRef) -> bool:
        """Whether somebody asked to remove the job, or its own retention did."""
        if any(touch.action == "remove" for touch in self.touched[ref]):
            return True
        return any(ending.settlement.keep is not None for ending in self.endings[ref] if ending.may_count)
