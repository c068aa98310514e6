"""A figure: what was measured how often, what the machine could do at best at the same time, and what was promised."""

from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, Literal, TypeAlias

Unit: TypeAlias = Literal[
    "jobs/s", "bytes", "ms", "% of a core", "MiB", "% more", "% less", "commits/s", "rows/s", "µs", "commands"
]

RATES: Final = frozenset({"jobs/s", "commits/s", "rows/s"})


@dataclass(frozen=True)
class Goal:
    """What is promised of a median, or of the median ratio to the machine's limit."""

    bound: float
    kind: Literal["at least", "at most", "of the limit at least", "of the limit at most"] = "at least"

    def is_reached(self, value: float, ratio: float | None) -> bool:
        """Whether the promise is kept."""
        if self.kind == "at most":
            return value <= self.bound
        if self.kind == "of the limit at most":
            return ratio is not None and ratio <= self.bound
        return (value if self.kind == "at least" else ratio or 0.0) >= self.bound


@dataclass
class Limit:
    """What the machine does at best, in the unit of the figure: a sample beside each of the figure's."""

    title: str
    samples: list[float] = field(default_factory=list)


@dataclass
class Figure:
    """One line of the table. `samples` is empty when it could not be measured; `note` then says why."""

    name: str
    title: str
    unit: Unit
    samples: list[float] = field(default_factory=list)
    limit: Limit | None = None
    goal: Goal | None = None
    note: str = ""
    costs_us: list[float] = field(default_factory=list)
    """Processor time of a job, in all threads, for each sample."""
    server: str = ""
    """On which it was measured: product, version, allocator. Empty where there is none."""

    def without_disk(self) -> None:
        """Forget the comparison with the disk: there is none under the file."""
        if self.is_of_disk:
            self.limit = None
            self.goal = None if self.goal is not None and self.goal.kind == "of the limit at least" else self.goal

    @property
    def is_of_disk(self) -> bool:
        """Whether the limit is a matter of commits."""
        return self.limit is not None and "commit" in self.limit.title

    @property
    def value(self) -> float:
        """The median."""
        return median(self.samples)

    @property
    def ratio(self) -> float | None:
        """The median of value over limit, each pair taken in the same moment: noise of the machine cancels out."""
        if self.limit is None or not self.samples:
            return None
        if len(self.limit.samples) != len(self.samples):
            return self.value / median(self.limit.samples)
        return median(mine / best for mine, best in zip(self.samples, self.limit.samples, strict=True))

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal is reached; None where there is no goal, or no sample."""
        if self.goal is None or not self.samples:
            return None
        return self.goal.is_reached(self.value, self.ratio)

    def as_data(self) -> dict[str, Any]:
        """Everything about it, for `--json`."""
        limit = self.limit
        return {
            "name": self.name,
            "title": self.title,
            "unit": self.unit,
            "server": self.server,
            "samples": self.samples,
            "median": self.value if self.samples else None,
            "limit": None if limit is None else {"title": limit.title, "samples": limit.samples},
            "ratio": self.ratio,
            "goal": None if self.goal is None else {"bound": self.goal.bound, "kind": self.goal.kind},
            "is_reached": self.is_reached,
            "note": self.note,
            "processor_us": self.costs_us,
        }
