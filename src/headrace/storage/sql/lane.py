"""A lane: one thread, one SQLite connection, and the calls that wait for it.

The writing lane takes everything that was submitted while it worked and commits it as one transaction: a hundred
callers pay for one commit. If anything in such a group fails, the group is undone and its commands run again one a
transaction, so that a failure is the failure of one command only. What was committed is acknowledged when the disk has
it (`disk.py`); meanwhile the lane goes on.

A short turn is done on the loop when the thread has nothing to do (`short.py`). It is the same transaction on the same
connection, but it waits for nothing: if anything is in its way, or goes wrong, the thread does it instead.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from queue import SimpleQueue
from time import perf_counter
from typing import Any, Final

import apsw

from headrace.core.commands import Add, Command
from headrace.core.errors import StorageFull, Unavailable
from headrace.storage.protocol import Clock
from headrace.storage.sql.attempt import Attempt, full
from headrace.storage.sql.calls import Call, Joined
from headrace.storage.sql.connect import wait_while_busy
from headrace.storage.sql.disk import Deliver, Disk
from headrace.storage.sql.lite import Joint, Ledger, apply
from headrace.storage.sql.short import Patience

GROUP_MAX: Final = 1_000  # calls in a transaction, but for those of one turn of the loop, which stay together


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
        self._is_awaited = is_awaited
        self._begin = "begin immediate" if is_writing else "begin"
        self._disk = disk(self._deliver) if disk is not None else None
        self._calls: SimpleQueue[list[Call] | None] = SimpleQueue()
        self._turn: list[Call] = []  # what the loop submitted in its present turn
        self._sent: Call | None = None  # the last call of the last turn that went to the thread
        self._patience = Patience()
        self._is_for_thread = False  # the next turn
        self._using = threading.Lock()  # the connection
        db.set_busy_handler(self._wait_while_busy)

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
        if turn and not self._do_here(turn):
            self._sent = turn[-1]
            self._calls.put(turn)

    def is_here(self) -> bool:
        """Whether the caller is in this thread."""
        return threading.current_thread() is self

    def use_thread(self) -> None:
        """Let the thread do the next turn, which will take long."""
        self._is_for_thread = True

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
                with self._using:
                    moved = self._apply_group(group)
                    self._is_for_thread = False
                for call in group:
                    call.is_applied = True
                self._answer(group, moved, self._deliver)
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

    def _do_here(self, turn: list[Call]) -> bool:
        """Do a turn on the loop, and say whether it is done; if not, nothing of it has happened."""
        attempt = Attempt()
        moved: set[str] | None = None
        try:
            with attempt:
                if self._may_do_here(turn):
                    moved = self._transact_here(turn)
            if moved is not None:
                self._answer(turn, moved, self._arrive)
        except BaseException:  # an interrupt of the main thread, which goes on to end the loop
            for call in turn:
                call.error = Unavailable(problem="interrupted; it may or may not have happened")
            self._arrive(turn, None)
            raise
        return moved is not None

    def _may_do_here(self, turn: list[Call]) -> bool:
        # To keep order, not while an earlier turn is with the thread.
        is_idle = self._sent is None or self._sent.is_applied
        return self._disk is not None and is_idle and not self._is_for_thread and self._patience.allows(turn)

    def _transact_here(self, turn: list[Call]) -> set[str] | None:
        if not self._using.acquire(blocking=False):
            return None
        began = perf_counter()
        try:
            return self._transact(turn)
        finally:
            self._roll_back()
            self._using.release()
            self._patience.note(began)

    def _apply_group(self, group: list[Call]) -> set[str]:
        """Apply the calls; the topics that have moved."""
        attempt = Attempt()
        with attempt:
            return self._transact(group)
        self._roll_back()
        moved: set[str] = set()
        for call in chain.from_iterable(whole.parts() for whole in group):
            call.replies = []
            with attempt:
                for command in call.commands:
                    call.replies.append(self._apply_alone(command, moved))
            call.error = attempt.error
        return moved

    def _transact(self, group: list[Call]) -> set[str]:
        self._db.execute(self._begin)
        ledger = Ledger(self._db, self._clock())
        for call in group:
            call.replies = [apply(ledger, command) for command in call.commands]
        ledger.flush()
        self._db.execute("commit")
        return ledger.moved

    def _apply_alone(self, command: Command[Any] | Joint, moved: set[str]) -> Any:
        try:
            self._db.execute(self._begin)
            ledger = Ledger(self._db, self._clock())
            ledger.is_alone = True
            reply = apply(ledger, command)
            ledger.flush()
            self._db.execute("commit")
        except (apsw.FullError, apsw.IOError) as error:
            problem = full(error, self._db)
            if problem is None:
                raise
            return StorageFull(problem=problem)
        finally:
            self._roll_back()
        moved |= ledger.moved
        return reply

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("rollback")

    def _wait_while_busy(self, tries: int) -> bool:
        """Whether to try again for a lock that another process has; only the thread may wait."""
        return self.is_here() and wait_while_busy(tries)

    def _answer(self, group: list[Call], moved: set[str], deliver: Deliver) -> None:
        """Send the replies of a group on their way: at once, or when the disk has what they tell of."""
        durable = [call for call in group if call.is_durable] if self._disk is not None else []
        if not durable:
            deliver(group, moved)
            return
        assert self._disk is not None
        if len(durable) == len(group) and not self._is_awaited():
            self._disk.put(durable, moved)
            return
        self._disk.put(durable, set())
        deliver([call for call in group if not call.is_durable], moved)

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
