"""What a measurement is given: a folder of its own, how often, and how much."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeAlias

from benchmarks.figure import Figure
from benchmarks.inside import Answer


@dataclass
class Bench:
    """The run of a measurement. `amount` is what it takes to be exact, divided where nobody asks for exactness."""

    folder: Path
    repeat: int
    is_quick: bool = False

    def __post_init__(self) -> None:
        self._numbers = count(1)

    def file(self) -> Path:
        """A path at which there is no database yet."""
        return self.folder / f"{next(self._numbers)}.db"

    def amount(self, full: int) -> int:
        """So many jobs, or a twentieth of them in a quick run."""
        return max(1, full // 20) if self.is_quick else full

    def times(self, most: int | None = None) -> int:
        """How often to repeat, `most` where a repetition takes long."""
        return self.repeat if most is None else min(self.repeat, most)

    def pair(self, figure: Figure, measure: Callable[[], float], best: Callable[[], float]) -> None:
        """Take a sample, and what the machine does at best just before and just after it."""
        before, value, after = best(), measure(), best()
        figure.samples.append(value)
        if figure.limit is not None:
            figure.limit.samples.append((before + after) / 2)

    def pair_costly(self, figure: Figure, measure: Callable[[], Answer], best: Callable[[], float]) -> None:
        """As `pair` of a rate; the processor time that a job took is noted too: it means the most on a busy machine."""
        answers: list[Answer] = []

        def rate() -> float:
            answers.append(measure())
            return float(answers[-1]["rate"])

        self.pair(figure, rate, best)
        figure.costs_us.append(answers[-1]["processor_us"])

    def drop(self, file: Path) -> None:
        """Remove a database with the files beside it."""
        for path in self.folder.glob(f"{file.name}*"):
            path.unlink()


Measure: TypeAlias = Callable[[Bench], list[Figure]]
