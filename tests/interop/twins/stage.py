"""One run of a sequence of operations on both sides, compared after each step."""

import time
from collections.abc import Sequence
from typing import Any

from headrace.core.errors import HeadraceError
from tests.interop.node import NodeError
from tests.interop.twins.differences import Difference, Meant, compared
from tests.interop.twins.ours import NotHeld, Ours
from tests.interop.twins.picture import PREFIX, UNIT_MS, Camera, states
from tests.interop.twins.player import LATER, QUEUES, STALL, Operation
from tests.interop.twins.theirs import Theirs

AGES = ("timestamp", "processedOn", "finishedOn")


class Stage:
    """Both sides with their databases, and which deliberate differences were seen."""

    def __init__(self, theirs: tuple[Theirs, Any], ours: tuple[Ours, Any], meant: Sequence[Meant]) -> None:
        self._theirs, self._their_db = theirs
        self._ours, self._our_db = ours
        self._meant = meant
        self.used: set[Meant] = set()
        self.began_ms = _now_ms()
        self._their_camera, self._our_camera = (Camera(each, self.began_ms) for each in (self._their_db, self._our_db))

    async def play(self, operation: Operation) -> list[Difference]:
        """The differences after this step that are not meant. Where there is any, the databases are made equal."""
        name, words = operation
        if name == LATER:
            for db in (self._their_db, self._our_db):
                make_older(db, words[0])
            return []
        if name == STALL:
            for db in (self._their_db, self._our_db):
                db.delete(f"{PREFIX}:{words[0]}:{words[1]}:lock")
        answers = [await self._answer(side, name, words) for side in (self._theirs, self._ours)]
        found = compared(self._their_camera.take(), self._our_camera.take())
        if (answers[0] == "done") != (answers[1] == "done"):
            found.insert(0, Difference("the answer", "", *answers))
        amiss = []
        for difference in found:
            fitting = [each for each in self._meant if each.covers(difference, name)]
            self.used.update(fitting)
            if not fitting:
                amiss.append(difference)
        for difference in found:
            self._adopt(difference)
        return amiss

    async def fails(self, operations: Sequence[Operation], places: set[tuple[str, str]]) -> bool:
        """Whether the last operation makes a difference at these places, in databases that were empty before."""
        self.clear()
        amiss = [await self.play(operation) for operation in operations][-1]
        return places <= {(each.key, each.field) for each in amiss}

    def clear(self) -> None:
        """Begin anew, with empty databases."""
        for db in (self._their_db, self._our_db):
            db.flushdb()

    async def _answer(self, side: Theirs | Ours, name: str, words: Sequence[Any]) -> str:
        began_ms = _now_ms()
        try:
            await getattr(side, name)(*words)
            return "done"
        except (NodeError, HeadraceError, NotHeld) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            while _now_ms() == began_ms:  # what is done in turn has its own millisecond
                pass

    def _adopt(self, difference: Difference) -> None:
        """Let theirs be as ours there, so that later steps are compared for themselves."""
        key = difference.key.removesuffix(" (ttl)")
        theirs, ours = self._their_camera.keys.get(key), self._our_camera.keys.get(key)
        if (theirs is None and ours is None) or key.endswith("events"):
            return
        if theirs is None or ours is None or self._our_db.type(ours) != "hash":
            if theirs is not None:
                self._their_db.delete(theirs)
            if ours is not None:
                self._our_db.copy(ours, ours, self._their_db.get_connection_kwargs()["db"], replace=True)
        elif (value := self._our_db.hget(ours, difference.field)) is not None:
            self._their_db.hset(theirs, difference.field, value)
        else:
            self._their_db.hdel(theirs, difference.field)


def make_older(db: Any, units: int) -> None:
    """As if so much time had passed: of each queue the jobs, and what is ordered by time."""
    for queue in QUEUES:
        start = f"{PREFIX}:{queue}:"
        if db.zscore(f"{start}marker", "1") is not None:
            db.zincrby(f"{start}marker", -units * UNIT_MS, "1")
        for state, ids in states(db, queue).items():
            for job_id in ids:
                if state == "delayed":
                    db.zincrby(start + state, -units * UNIT_MS * 4096, job_id)
                elif state in ("completed", "failed"):
                    db.zincrby(start + state, -units * UNIT_MS, job_id)
                for field in AGES:
                    if db.hexists(start + job_id, field):
                        db.hincrby(start + job_id, field, -units * UNIT_MS)


async def shrunk(stage: Stage, operations: Sequence[Operation], amiss: Sequence[Difference]) -> Sequence[Operation]:
    """What is needed of a sequence whose last operation makes these differences."""
    places = {(each.key, each.field) for each in amiss}
    size = len(operations) // 2
    while size:
        start = 0
        while start + size < len(operations):
            fewer = [*operations[:start], *operations[start + size :]]
            if await stage.fails(fewer, places):
                operations = fewer
            else:
                start += size
        size //= 2
    return operations


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
