"""How a process is: how late its event loop is, what memory it has, and where its threads are."""

import asyncio
import os
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from functools import cache
from time import monotonic
from types import FrameType
from typing import Final

from headrace.core.orders import ANSWER_MAX
from headrace.executors.child import resident

DEPTH_MAX: Final = 100  # frames of one task
RECENT_S: Final = 10.0
RECENT_MAX: Final = 100  # delays that are remembered
BLOCKED_LOOKS: Final = 2


class Lag:
    """How late the loop comes to what it is told from another thread; may be asked from any thread."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT_MAX)  # when it came, and how late
        self._asked_at: float | None = None
        self._looks = 0

    @property
    def ms(self) -> int:
        """The longest delay of the last seconds; the present one, if the loop has not come yet and that is longer."""
        now, asked_at = monotonic(), self._asked_at
        present = 0.0 if asked_at is None else now - asked_at
        recent = (late for at, late in self._recent.copy() if at > now - RECENT_S)
        return round(max(present, *recent, 0.0) * 1000)

    @property
    def blocked_ms(self) -> int:
        """For how long the loop has not come, if it did not at two looks; else 0.

        Looks are counted, and not only time: where the whole process stood still, the loop is not to blame.
        """
        asked_at = self._asked_at
        if asked_at is None or self._looks < BLOCKED_LOOKS:
            return 0
        return max(round((monotonic() - asked_at) * 1000), 1)

    def measure(self, tell: Callable[[Callable[[], object]], object]) -> None:
        """Measure once more, unless the loop has not come yet; `tell` has it call a function."""
        if self._asked_at is not None:
            self._looks += 1
            return
        self._looks = 0
        self._asked_at = monotonic()
        tell(self._heard)

    def _heard(self) -> None:
        if self._asked_at is not None:
            now = monotonic()
            self._recent.append((now, now - self._asked_at))
            self._asked_at = None


@cache
def version() -> str:
    """The version of Headrace that runs here."""
    from importlib.metadata import version as installed  # it takes a while

    return installed("headrace")


def memory() -> int:
    """The bytes of memory that this process has in use; zero where the system does not say."""
    return resident(os.getpid())


def stacks(loop: asyncio.AbstractEventLoop | None) -> str:
    """Where each thread and each task of the loop is, as Python writes it; from any thread."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = [
        f"Thread {names.get(number, number)}:\n{''.join(traceback.format_stack(frame))}"
        for number, frame in sys._current_frames().items()  # pyright: ignore[reportPrivateUsage]
    ]
    parts += [f"Task {task.get_name()}:\n{_stack(task)}" for task in asyncio.all_tasks(loop)]
    text = "\n".join(parts)
    return text if len(text) <= ANSWER_MAX else f"{text[:ANSWER_MAX]}\n… cut"


def _stack(task: "asyncio.Task[object]") -> str:
    """Through all that it awaits, where `Task.get_stack` ends at the first."""
    frames: list[tuple[FrameType, int]] = []
    inner: object = task.get_coro()
    while inner is not None and len(frames) < DEPTH_MAX:
        frame = getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None)
        if isinstance(frame, FrameType):
            frames.append((frame, frame.f_lineno))
        inner = getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None)
    return "".join(traceback.StackSummary.extract(iter(frames)).format())
