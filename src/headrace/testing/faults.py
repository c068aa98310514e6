"""A store that misbehaves as a test says: it refuses, loses replies, or is away; the same in every run of a seed."""

from random import Random
from typing import Any, Final, Literal, TypeAlias

from headrace.core.commands import Command
from headrace.core.errors import InvalidOption, Misuse, Refused, Unavailable
from headrace.storage.protocol import Storage, Wrapper

SAYS: Final = "a test says so"

Sin: TypeAlias = Literal["refuse", "lose", "away"]


class _Plan:
    """One thing that will go wrong."""

    def __init__(
        self, sin: Sin, kinds: tuple[type[Command[Any]], ...], times: int | None, chance: float, refusal: Refused | None
    ) -> None:
        if times is not None and times < 1:
            raise InvalidOption(f"times is {times}; it is at least 1, or None for ever")
        if not 0 < chance <= 1:
            raise InvalidOption(f"chance is {chance}; it lies above 0, and is 1 at most")
        self.sin: Final = sin
        self.kinds = kinds
        self.left = times
        self.chance = chance
        self.refusal = refusal

    def bites(self, command: Command[Any], dice: Random) -> bool:
        if self.left == 0 or (self.kinds and not isinstance(command, self.kinds)):
            return False
        if self.chance < 1 and dice.random() >= self.chance:
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Faults:
    """What goes wrong at a store, and for which commands (none named: all of them).

    A fault bites `times` times (None: until `heal`), each time with a `chance` that is thrown from the seed. Of
    several that fit a command the one planned first bites. `bites` counts them: a test whose fault did not bite
    proves nothing.
    """

    def __init__(self, seed: int = 0) -> None:
        self.bites = 0
        self._dice = Random(seed)
        self._plans: list[_Plan] = []

    def refuse(self, *kinds: type[Command[Any]], refusal: Refused, times: int | None = 1, chance: float = 1.0) -> None:
        """Answer with `refusal`; nothing of the command is done. `Misuse` if no command is named."""
        if not kinds:
            raise Misuse("name the commands to refuse; a refusal is an answer to a command of its kind")
        self._plans.append(_Plan("refuse", kinds, times, chance, refusal))

    def lose(self, *kinds: type[Command[Any]], times: int | None = 1, chance: float = 1.0) -> None:
        """Do the whole call and lose its reply: the caller gets `Unavailable`."""
        self._plans.append(_Plan("lose", kinds, times, chance, None))

    def be_away(self, *kinds: type[Command[Any]], times: int | None = 1, chance: float = 1.0) -> None:
        """Do nothing of the whole call: the caller gets `Unavailable`."""
        self._plans.append(_Plan("away", kinds, times, chance, None))

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self._plans.clear()

    def at(self, command: Command[Any]) -> tuple[Sin, Refused | None] | None:
        """What goes wrong with this command now; for stores."""
        for plan in self._plans:
            if plan.bites(command, self._dice):
                self.bites += 1
                return plan.sin, plan.refusal
        return None


class FaultyStore(Wrapper):
    """Another store, with faults between it and whoever uses it."""

    def __init__(self, inner: Storage, faults: Faults) -> None:
        super().__init__(inner)
        self.faults = faults

    async def run(self, *commands: Command[Any]) -> Any:
        """As `Storage.run`, but for the faults."""
        found = [self.faults.at(command) for command in commands]
        sins = {fault[0] for fault in found if fault}
        if "away" in sins:
            raise Unavailable(problem=SAYS)
        passed = [command for command, fault in zip(commands, found, strict=True) if not fault or fault[0] == "lose"]
        answers: Any = await self.inner.run(*passed) if passed else ()
        if "lose" in sins:
            raise Unavailable(problem=f"{SAYS}; the reply is lost")
        replies = iter((answers,) if len(passed) == 1 else answers)
        whole = tuple(fault[1] if fault else next(replies) for fault in found)
        return whole[0] if len(commands) == 1 else whole
