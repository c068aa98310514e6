"""A lane: one thread, one SQLite connection, and the calls that wait for it.

The writing lane takes everything that was submitted while it worked and commits it as one transaction: a hundred
callers pay for one commit. If anything in such a group fails, the group is undone and its commands run again one a
transaction, so that a failure is the failure of one command only. What was committed is acknowledged when the disk has
it (`disk.py`); meanwhile the lane goes on.
"""

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final

import apsw

from headrace.core.commands import Add, Command
from headrace.core.errors import StorageFull, Unavailable
from headrace.storage.protocol import Clock
from headrace.storage.sql.calls import Call, Joined
from headrace.storage.sql.disk import Deliver, Disk
from headrace.storage.sql.lite import Joint, Ledger, apply

FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # no room: on the disk, for this user, in one file
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


class Lane(threading.Thread):
    """A thread that applies calls to its connection. After a commit, `moved` is told the topics, on `home`.

    Without a `disk` there is nothing to wait for. Topics that nobody waits for now (`is_awaited`) travel with the
    replies: a wake-up costs as much as a small transaction.
    """

    def __init__(
        self,
        name: str,
        db: apsw.Connection,
        clock: Clock,
        home: asyncio.AbstractEventLoop,
        moved: Callable[[set[str]], None],
        is_awaited: Callable[[], bool],
        *,
        is_writing: bool,
        disk: Callable[[Deliver], Disk] | None = None,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._db = db
        self._clock = clock
        self._home = home
        self._tell = moved
        self._moved: set[str] = set()
        self._is_awaited = is_awaited
        self._begin = "begin immediate" if is_writing else "begin"
        self._disk = disk(self._deliver) if disk is not None else None
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

    def submit_fresh(self, add: Add, future: "asyncio.Future[Any]", loop: asyncio.AbstractEventLoop) -> bool:
        """As `submit`, for a fresh Add: neighbours in a turn become one call."""
        turn = self._turn
        last = turn[-1] if turn else None
        if type(last) is Joined:
            last.join(add, future)
            return False
        return self.submit(Joined(add, future), loop)

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
        if self._disk is not None:
            self._disk.start()
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            if group:
                self._apply_group(group)
                self._answer(group)
        if self._disk is not None:
            self._disk.stop()
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
        for call in chain.from_iterable(whole.parts() for whole in group):
            call.replies = []
            with attempt:
                for command in call.commands:
                    call.replies.append(self._apply_alone(command))
            call.error = attempt.error

    def _transact(self, group: list[Call]) -> None:
        self._db.execute(self._begin)
        ledger = Ledger(self._db, self._clock())
        for call in group:
            call.replies = [apply(ledger, command) for command in call.commands]
        ledger.flush()
        self._db.execute("commit")
        self._moved |= ledger.moved

    def _apply_alone(self, command: Command[Any] | Joint) -> Any:
        try:
            self._db.execute(self._begin)
            ledger = Ledger(self._db, self._clock())
            ledger.is_alone = True
            reply = apply(ledger, command)
            ledger.flush()
            self._db.execute("commit")
        except (apsw.FullError, apsw.IOError) as error:
            problem = _full(error, self._db)
            if problem is None:
                raise
            return StorageFull(problem=problem)
        finally:
            self._roll_back()
        self._moved |= ledger.moved
        return reply

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("rollback")

    def _answer(self, group: list[Call]) -> None:
        """Send the replies of a group on their way: at once, or when the disk has what they tell of."""
        moved, self._moved = self._moved, set()
        durable = [call for call in group if call.is_durable] if self._disk is not None else []
        if not durable:
            self._deliver(group, moved)
            return
        assert self._disk is not None
        if len(durable) == len(group) and not self._is_awaited():
            self._disk.put(durable, moved)
            return
        self._disk.put(durable, set())
        self._deliver([call for call in group if not call.is_durable], moved)

    def _deliver(self, group: list[Call], moved: set[str]) -> None:
        """Wake every loop once, with all that is for it."""
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


def _full(error: apsw.Error, db: apsw.Connection) -> str | None:
    """Why there was no room for a write, if that is what the error says. The failed statement has undone itself."""
    if isinstance(error, apsw.FullError):
        return str(error)
    number = db.system_errno
    is_full = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_WRITE and number in FULL
    return os.strerror(number) if is_full else None


def _translated(error: Exception) -> Exception:
    """SQLite's own errors mean that the store did not answer; all others are our mistakes and stay what they are."""
    if isinstance(error, apsw.Error):
        translated = Unavailable(problem=str(error) or type(error).__name__)
        translated.__cause__ = error
        return translated
    return error
