"""A lane: one thread, one SQLite connection, and the calls that wait for it.

The writing lane takes everything that was submitted while it worked and commits it as one transaction: a hundred
callers pay for one fsync. If anything in such a group fails, the group is undone and its commands run again one a
transaction, so that a failure is the failure of one command only.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final

import apsw

from headrace.core.commands import Command
from headrace.core.errors import StorageFull, Unavailable
from headrace.storage.protocol import Clock
from headrace.storage.sql.lite import VOLATILE, Ledger, apply

GROUP_MAX: Final = 1_000  # calls in a transaction, but for those of one turn of the loop, which stay together


class Attempt:
    """A context in which anything may go wrong: the error is kept for the caller, who waits on the other side.

    A lane outlives every failure; only what ends the interpreter ends it.
    """

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> None:
        self.error = None

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> bool:
        self.error = _translated(error) if isinstance(error, Exception) else None
        return self.error is not None


class Call:
    """Some commands on their way through a lane, and what became of them: for a future, or for a thread that waits."""

    __slots__ = ("commands", "done", "error", "future", "replies")

    def __init__(self, commands: tuple[Command[Any], ...], future: "asyncio.Future[Any] | None") -> None:
        self.commands = commands
        self.future = future
        self.done = threading.Event() if future is None else None
        self.replies: list[Any] = []
        self.error: Exception | None = None

    def result(self) -> Any:
        """The reply, or the tuple of replies, or the error raised."""
        if self.error is not None:
            raise self.error
        return self.replies[0] if len(self.commands) == 1 else tuple(self.replies)

    def resolve(self) -> None:
        """Hand the result to the future of the call; on the loop of the caller."""
        future = self.future
        if future is None or future.done():
            return
        if self.error is not None:
            future.set_exception(self.error)
        else:
            future.set_result(self.replies[0] if len(self.replies) == 1 else tuple(self.replies))


class Lane(threading.Thread):
    """A thread that applies calls to its connection. After a commit, `moved` is told the topics, on `home`."""

    def __init__(
        self,
        name: str,
        db: apsw.Connection,
        clock: Clock,
        home: asyncio.AbstractEventLoop,
        moved: Callable[[set[str]], None],
        *,
        is_writing: bool,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._db = db
        self._clock = clock
        self._home = home
        self._tell = moved
        self._moved: set[str] = set()
        self._begin = "begin immediate" if is_writing else "begin"
        self._is_waiting_for_disk = True
        self._calls: SimpleQueue[list[Call] | None] = SimpleQueue()
        self._turn: list[Call] = []  # what the loop submitted in its present turn

    def submit(self, call: Call, loop: asyncio.AbstractEventLoop) -> bool:
        """Queue a call from its loop; it travels with all that are submitted in the same turn of the loop.

        True if it is the first of its turn.
        """
        turn = self._turn
        turn.append(call)
        if len(turn) > 1:
            return False
        loop.call_soon(self.end_turn)
        return True

    def submit_now(self, call: Call) -> None:
        """Queue a call from its loop at once, and with it what the turn has gathered."""
        self._turn.append(call)
        self.end_turn()

    def submit_from_thread(self, call: Call) -> None:
        """Queue a call from any thread; its event is set when it is done."""
        self._calls.put([call])

    def end_turn(self) -> None:
        """Send what the turn has gathered on its way; on the loop."""
        turn, self._turn = self._turn, []
        if turn:
            self._calls.put(turn)

    def stop(self) -> None:
        """Finish what was submitted, close the connection, end; from a thread that may wait."""
        self._calls.put(None)
        self.join()

    def run(self) -> None:
        """Serve until stopped."""
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            if group:
                self._apply_group(group)
                self._deliver(group)
        self._db.close()

    def _next_group(self) -> tuple[list[Call], bool]:
        calls = self._calls.get()
        group: list[Call] = []
        while calls is not None:
            group += calls
            if len(group) >= GROUP_MAX or self._calls.empty():
                return group, True
            calls = self._calls.get()
        return group, False

    def _apply_group(self, group: list[Call]) -> None:
        attempt = Attempt()
        with attempt:
            self._transact(group)
        if attempt.error is None:
            return
        self._roll_back()
        for call in group:
            call.replies = []
            with attempt:
                for command in call.commands:
                    call.replies.append(self._apply_alone(command))
            call.error = attempt.error

    def _transact(self, group: list[Call]) -> None:
        self._wait_for_disk(not all(type(command) in VOLATILE for call in group for command in call.commands))
        self._db.execute(self._begin)
        ledger = Ledger(self._db, self._clock())
        for call in group:
            call.replies = [apply(ledger, command) for command in call.commands]
        ledger.flush()
        self._db.execute("commit")
        self._moved |= ledger.moved

    def _apply_alone(self, command: Command[Any]) -> Any:
        self._wait_for_disk(True)
        try:
            self._db.execute(self._begin)
            ledger = Ledger(self._db, self._clock())
            ledger.is_alone = True
            reply = apply(ledger, command)
            ledger.flush()
            self._db.execute("commit")
        except apsw.FullError as error:
            return StorageFull(problem=str(error))
        finally:
            self._roll_back()
        self._moved |= ledger.moved
        return reply

    def _wait_for_disk(self, is_wanted: bool) -> None:
        if is_wanted is not self._is_waiting_for_disk:
            self._db.execute("pragma synchronous = full" if is_wanted else "pragma synchronous = normal")
            self._is_waiting_for_disk = is_wanted

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("rollback")

    def _deliver(self, group: list[Call]) -> None:
        """Wake every loop once, with all that is for it: a wake-up costs as much as a small transaction."""
        moved, self._moved = self._moved, set()
        loops: dict[asyncio.AbstractEventLoop, list[Call]] = {self._home: []} if moved else {}
        for call in group:
            if call.future is not None:
                loops.setdefault(call.future.get_loop(), []).append(call)
            elif call.done is not None:
                call.done.set()
        for loop, calls in loops.items():
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(self._arrive, calls, moved if loop is self._home else None)

    def _arrive(self, calls: list[Call], moved: set[str] | None) -> None:
        if moved:
            self._tell(moved)  # first: a worker that waits for work is more urgent than the caller who added it
        for call in calls:
            call.resolve()


def _translated(error: Exception) -> Exception:
    """SQLite's own errors mean that the store did not answer; all others are our mistakes and stay what they are."""
    if isinstance(error, apsw.Error):
        translated = Unavailable(problem=str(error) or type(error).__name__)
        translated.__cause__ = error
        return translated
    return error
