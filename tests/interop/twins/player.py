"""Draws operations that make sense of what BullMQ's database holds, by a seed."""

import random
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from tests.interop.twins.ours import POLICIES
from tests.interop.twins.picture import PREFIX, UNIT_MS, states
from tests.interop.twins.theirs import Spec, Tree

FAMILIES: Final = ("q", "r")  # queues with flows, across both
PLAIN: Final = "p"  # the queue that is obliterated: what BullMQ leaves of parents then, we do not
QUEUES: Final = (*FAMILIES, PLAIN)
LATER: Final = "let_time_pass"  # the one operation that is no side's: it makes what both databases hold older
STALL: Final = "stall"  # of an operation: both lose the lock of a job, and each side finds that by itself
UNIT_S: Final = UNIT_MS // 1000

Operation: TypeAlias = tuple[str, tuple[Any, ...]]
State: TypeAlias = dict[str, list[str]]


class Player:
    def __init__(self, seed: int, theirs: Any, began_ms: int) -> None:
        self._draw = random.Random(seed)
        self._theirs = theirs
        self._first_slot_ms = began_ms + 2 * UNIT_MS
        self._count = 0
        self._next: list[Operation] = [("limit_running", (queue, None)) for queue in QUEUES]  # to meet them
        self._queue = QUEUES[0]
        self._found: State = {}

    def operation(self) -> Operation:
        """The next one; another is drawn as long as there is nothing that it could be done to."""
        for queue in QUEUES:
            if self._is_counted_otherwise(queue):
                return "limit_rate", (queue, None)
        if self._next:
            return self._next.pop()
        kinds: list[tuple[int, Callable[[], Operation | None]]] = [
            (10, self._add), (2, self._bulk), (4, self._flow), (2, self._child), (14, self._fetch), (14, self._settle),
            (4, self._note), (3, self._change), (2, self._promote), (3, self._retry), (3, self._remove),
            (2, self._pause), (2, self._limit), (2, self._sweep), (2, self._schedule), (2, self._later),
            (1, self._stall),
        ]  # fmt: skip
        while True:
            self._queue = self._draw.choice(QUEUES)
            self._found = states(self._theirs, self._queue)
            draw = self._draw.choices([draw for _, draw in kinds], [weight for weight, _ in kinds])[0]
            operation = draw()
            if operation is not None:
                return operation

    def _is_counted_otherwise(self, queue: str) -> bool:
        """Whether it has a rate and started a job that is to fail: that counts for a rate of ours, not of BullMQ's."""
        start = f"{PREFIX}:{queue}:"
        return self._theirs.hexists(f"{start}meta", "max") and any(
            self._theirs.hexists(start + job_id, "defa") for job_id in self._theirs.lrange(f"{start}active", 0, -1)
        )

    def _one_of(self, *names: str) -> str | None:
        ids = [job_id for name in names for job_id in self._found[name]]
        return self._draw.choice(ids) if ids else None

    def _hash(self, job_id: str, field: str) -> Any:
        return self._theirs.hget(f"{PREFIX}:{self._queue}:{job_id}", field)

    def _new_id(self) -> str:
        self._count += 1
        return f"n{self._count}"

    def _options(self) -> dict[str, Any]:
        draw = self._draw
        keeps: list[Any] = [None] * 5 + [True, {"count": 2}, {"age": UNIT_S}, {"age": 3 * UNIT_S, "count": 3}]
        drawn = {
            "attempts": draw.randint(1, 3),
            "backoff": draw.choice(
                [None, {"type": "fixed", "delay": UNIT_MS}, {"type": "exponential", "delay": UNIT_MS}]
            ),
            "removeOnComplete": draw.choice(keeps),
            "removeOnFail": draw.choice(keeps),
        }
        return {name: value for name, value in drawn.items() if value is not None}

    def _spec(self) -> Spec:
        draw, opts = self._draw, self._options()
        match draw.choice(["standard", "lifo", "priority", "delay", "id", "dedup", "both"]):
            case "lifo":
                opts["lifo"] = True
            case "priority":
                opts["priority"] = draw.randint(1, 3)
            case "delay":
                opts["delay"] = draw.randint(1, 3) * UNIT_MS
            case "both":
                opts |= {"priority": draw.randint(1, 3), "delay": UNIT_MS}
            case "id":
                opts["jobId"] = draw.choice([self._new_id(), f"x{draw.randint(1, 6)}"])
            case "dedup":
                opts["deduplication"] = self._dedup()
                if draw.random() < 0.5:
                    opts["delay"] = draw.randint(1, 3) * UNIT_MS
                if draw.random() < 0.8:
                    opts["jobId"] = self._new_id()
        return draw.choice("ab"), {"n": draw.randint(0, 9), "text": draw.choice(["é", "a/b", ""])}, opts

    def _dedup(self) -> dict[str, Any]:
        """The key `m` is never for a time; of one that is, nothing is kept for its end here."""
        ttl, key = 2 * UNIT_MS, self._draw.choice("klm")
        modes: list[dict[str, Any]] = [{}, {"replace": True}, {"reschedule": True}]
        if key == "m":
            modes += [{"keepLastIfActive": True}] * 2
        else:
            modes += [{"ttl": ttl}, {"ttl": ttl, "extend": True}, {"ttl": ttl, "replace": True}]
        return {"id": key, **self._draw.choice(modes)}

    def _add(self) -> Operation:
        name, data, opts = self._spec()
        if self._draw.random() < 0.2:
            opts |= {"keepLogs": self._draw.randint(1, 3), "removeOnComplete": self._draw.randint(0, 2)}
            return "add_by_node", (self._queue, (name, data, opts))
        return "add", (self._queue, (name, data, opts))

    def _bulk(self) -> Operation:
        """Either all have ids of their own, or all numbers, which a duplicate would draw in BullMQ only."""
        specs = [self._spec() for _ in range(self._draw.randint(2, 4))]
        if any("jobId" in opts or "deduplication" in opts for _, _, opts in specs):
            for _, _, opts in specs:
                opts.setdefault("jobId", self._new_id())
        return "add_bulk", (self._queue, specs)

    def _flow(self) -> Operation:
        return self._draw.choice(["flow", "flow", "flow_by_node"]), (self._tree(2),)

    def _tree(self, depth: int, policy: dict[str, bool] | None = None) -> Tree:
        draw = self._draw
        opts = {**self._options(), "jobId": self._new_id(), **(policy or {})}
        if draw.random() < 0.2:
            opts["priority"] = draw.randint(1, 3)
        if draw.random() < 0.2:
            opts["delay"] = UNIT_MS
        tree = {"name": draw.choice("ab"), "queueName": draw.choice(FAMILIES), "data": {"n": depth}, "opts": opts}
        if depth == 2 or (depth and draw.random() < 0.3):
            tree["children"] = [self._tree(depth - 1, self._policy()) for _ in range(draw.randint(1, 3))]
        return tree

    def _policy(self) -> dict[str, bool]:
        word = self._draw.choice([None, *POLICIES])
        return {} if word is None else {word: True}

    def _child(self) -> Operation | None:
        parent = self._one_of("active", "waiting-children")
        if parent is None or self._queue == PLAIN:
            return None
        name, data, opts = self._spec()
        opts = {word: value for word, value in opts.items() if word != "deduplication"}
        opts |= {"jobId": self._new_id(), "parent": {"id": parent, "queue": f"{PREFIX}:{self._queue}"}}
        return "add", (self._draw.choice(FAMILIES), (name, data, opts | self._policy()))

    def _fetch(self) -> Operation:
        self._count += 1
        return "fetch", (self._queue, f"token {self._count}")

    def _settle(self) -> Operation | None:
        draw, job_id = self._draw, self._one_of("active")
        if job_id is None:
            return None
        token = self._theirs.get(f"{PREFIX}:{self._queue}:{job_id}:lock")
        hold = (self._queue, job_id, token)
        if (reason := self._hash(job_id, "defa")) is not None:
            return "fail", (*hold, reason, True)
        pending = self._theirs.scard(f"{PREFIX}:{self._queue}:{job_id}:dependencies")
        if pending:
            return draw.choice([("await_children", hold), ("fail", (*hold, "given up", True)), ("put_back", hold)])
        return draw.choices(
            [
                (draw.choice(["complete", "complete_on"]), (*hold, draw.choice([None, 1, "text", {"a": [1, {}]}]))),
                ("fail", (*hold, "boom", draw.random() < 0.3)),
                ("postpone", (*hold, UNIT_MS)),
                ("put_back", hold),
            ],
            [5, 4, 1, 1],
        )[0]

    def _note(self) -> Operation | None:
        draw, job_id = self._draw, self._one_of(*self._found)
        if job_id is None:
            return None
        return draw.choice(
            [
                ("progress", (self._queue, job_id, draw.choice([50, {"done": [1]}]))),
                ("log", (self._queue, job_id, f"line {draw.randint(0, 9)}")),
                ("update_data", (self._queue, job_id, {"changed": draw.randint(0, 9)})),
            ]
        )

    def _change(self) -> Operation | None:
        draw, late = self._draw, self._one_of("delayed")
        if late is not None and draw.random() < 0.4:
            return "change_delay", (self._queue, late, draw.randint(1, 4) * UNIT_MS)
        job_id = self._one_of("waiting", "prioritized", "delayed", "waiting-children")
        return None if job_id is None else ("change_priority", (self._queue, job_id, draw.randint(0, 3)))

    def _promote(self) -> Operation | None:
        job_id = self._one_of("delayed")
        return None if job_id is None else ("promote", (self._queue, job_id))

    def _retry(self) -> Operation | None:
        state = self._draw.choice(["failed", "failed", "completed"])
        job_id = self._one_of(state)
        return None if job_id is None else ("retry", (self._queue, job_id, state))

    def _remove(self) -> Operation | None:
        job_id = self._one_of(*self._found)
        return None if job_id is None else ("remove", (self._queue, job_id, self._draw.random() < 0.5))

    def _pause(self) -> Operation:
        is_paused = self._theirs.hexists(f"{PREFIX}:{self._queue}:meta", "paused")
        return "resume" if is_paused else "pause", (self._queue,)

    def _limit(self) -> Operation:
        kind, field = self._draw.choice([("limit_running", "concurrency"), ("limit_rate", "max")])
        is_set = self._theirs.hexists(f"{PREFIX}:{self._queue}:meta", field)
        return kind, (self._queue, None if is_set else self._draw.randint(1, 3))

    def _sweep(self) -> Operation | None:
        draw, queue = self._draw, self._queue
        if not self._theirs.exists(f"{PREFIX}:{queue}:meta"):
            return None
        finished = draw.choice(["completed", "failed"])
        kinds: list[Operation] = [
            ("clean", (queue, finished, draw.choice([0, UNIT_MS]), draw.choice([2, 100]))),
            ("retry_all", (queue, finished)),
            ("promote_all", (queue,)),
        ]
        state = draw.choice(["delayed", "waiting", "prioritized"])
        kinds += [("clean", (queue, state, draw.choice([0, UNIT_MS]), 100)), ("drain", (queue, draw.random() < 0.5))]
        if queue == PLAIN:
            kinds.append(("obliterate", (queue, draw.random() < 0.7)))
        return draw.choice(kinds)

    def _schedule(self) -> Operation:
        draw, job_id = self._draw, self._draw.choice("st")
        if draw.random() < 0.3:
            return "unschedule", (self._queue, job_id)
        return "schedule", (self._queue, job_id, self._rhythm(), time.time_ns() // 1_000_000)

    def _rhythm(self) -> dict[str, Any]:
        start_ms = self._first_slot_ms
        every, yearly = {"every": 3 * UNIT_MS}, {"pattern": "0 0 1 1 *", "tz": "UTC"}
        rhythms: list[dict[str, Any]] = [
            every,
            every | {"limit": 2},
            every | {"offset": 1_000},
            every | {"startDate": start_ms},
            every | {"startDate": start_ms, "endDate": start_ms + 4 * UNIT_MS},
            yearly,
            yearly | {"immediately": True},
            yearly | {"startDate": start_ms, "endDate": start_ms + UNIT_MS},
            {"pattern": "30 12 1 */2 ?", "tz": "Asia/Kathmandu", "limit": 2},
            {"pattern": "15 30 1 * * 1-5", "tz": "America/New_York", "startDate": start_ms},
        ]
        return self._draw.choice(rhythms)

    def _stall(self) -> Operation | None:
        job_id = self._one_of("active")
        return None if job_id is None else (STALL, (self._queue, job_id))

    def _later(self) -> Operation:
        """Then all is fetched from: BullMQ promotes what is due before a retry, and we with the next claim."""
        self._next = [("fetch", (queue, f"token {self._count} {queue}")) for queue in QUEUES]
        return LATER, (self._draw.randint(1, 3),)
