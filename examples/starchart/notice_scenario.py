"""S21: the same notice ten times in its window, and once more after it."""

import asyncio
from dataclasses import dataclass

from .fake_dns import Faults
from .show import say
from .stage import Scenario, Stage

TIMES = 10
SUBJECT = "your certificate expires in a week"


@dataclass(frozen=True, slots=True)
class NoticeEnding:
    """The mails that the owner has got."""

    in_window: int
    after: int

    def facts(self) -> dict[str, str]:
        """The same in words."""
        return {"mails in the window": str(self.in_window), "mails after it": str(self.after)}


S21 = Scenario(
    "S21",
    f"The same notice {TIMES} times in its window, and once more after it",
    Faults(),
    NoticeEnding(in_window=1, after=1),
    teaches="how long a notice is the same is said where it is made, and `headrace jobs show` tells it; it does "
    "not hang on how long finished jobs are kept.",
)


async def s21(stage: Stage) -> NoticeEnding:
    """One mail, and one more."""
    stage.set_faults(S21)
    app, owner = stage.service.app, f"owner@{S21.name}"
    notice = stage.service.notify(owner, SUBJECT)
    first, *others = await app.enqueue_many([notice] * TIMES)
    record = await first.refresh()
    await first.result(timeout=10)
    say(stage.console, f"{sum(job.is_duplicate for job in others)} of {TIMES} are duplicates of {first.ref}.\n")
    in_window = mails(stage, owner)
    assert record.options.dedup is not None
    assert record.options.dedup.ttl_ms is not None
    await asyncio.sleep(record.options.dedup.ttl_ms / 1000)
    await (await app.enqueue(notice)).result(timeout=10)
    return NoticeEnding(in_window, mails(stage, owner) - in_window)


def mails(stage: Stage, owner: str) -> int:
    return sum(mail.recipient == owner for mail in stage.service.certificates.mails())
