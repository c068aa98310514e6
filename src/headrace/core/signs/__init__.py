"""What `job.why()` looks for: a small function for each thing that can be so of a job, the nearest reason first.

A sign reads facts that others gathered, and says in a sentence what is so and what to do. A new one is a function, a
line in one of the tuples, a row in `docs/howto/why.md`, and a test that has its name.
"""

from collections.abc import Mapping
from typing import Final

from headrace.core.jobs import State
from headrace.core.signs.ended import COMPLETED, FAILED, MET
from headrace.core.signs.facts import Facts, Sign
from headrace.core.signs.kin import CHILDREN
from headrace.core.signs.line import LINE
from headrace.core.signs.queues import QUEUE
from headrace.core.signs.unfinished import ACTIVE, DELAYED, HISTORY, it_was_there_before, it_will_not_run
from headrace.core.signs.workers import WORKERS

READY: Final[tuple[Sign, ...]] = (it_will_not_run, *QUEUE, *WORKERS, *LINE)

SIGNS: Final[Mapping[State, tuple[Sign, ...]]] = {
    "waiting": (*READY, *HISTORY, it_was_there_before),
    "prioritized": (*READY, *HISTORY, it_was_there_before),
    "delayed": (*DELAYED, *QUEUE, *WORKERS, *MET, *HISTORY, it_was_there_before),
    "active": (*ACTIVE, *HISTORY, it_was_there_before),
    "waiting-children": (*CHILDREN, *HISTORY, it_was_there_before),
    "completed": (*COMPLETED, it_was_there_before),
    "failed": (*FAILED, it_was_there_before),
}


def said(facts: Facts) -> list[str]:
    """What the signs of a job in this state say."""
    return [sentence for sign in SIGNS[facts.job.state] for sentence in sign(facts)]
