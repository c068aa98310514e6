"""Short sequences that meet what the seeds seldom do: each the shortest that shows a deliberate difference."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from tests.interop.twins.picture import UNIT_MS
from tests.interop.twins.player import LATER, Operation
from tests.interop.twins.theirs import Spec

Scene: TypeAlias = Callable[[int], list[Operation]]


def job(id: str, **opts: Any) -> Spec:
    return "a", {}, {"attempts": 1, "jobId": id, **opts}


def family(child: dict[str, Any], **parent: Any) -> Operation:
    """A parent `p` in `q` with a child `c` in `r`."""
    below = {"name": "a", "queueName": "r", "data": {}, "opts": {"attempts": 1, "jobId": "c", **child}}
    opts = {"attempts": 1, "jobId": "p", **parent}
    return "flow", ({"name": "a", "queueName": "q", "data": {}, "opts": opts, "children": [below]},)


def scheduled(began_ms: int) -> tuple[Operation, str]:
    """A scheduler, and the id of its next job."""
    slot_ms = began_ms + 2 * UNIT_MS
    every = {"every": 3 * UNIT_MS, "startDate": slot_ms}
    return ("schedule", ("p", "s", every, began_ms)), f"repeat:s:{slot_ms}"


def remove_from_a_scheduler(began_ms: int) -> list[Operation]:
    schedule, next_id = scheduled(began_ms)
    return [schedule, ("remove", ("p", next_id, False))]


def drain_a_scheduler(began_ms: int) -> list[Operation]:
    schedule, next_id = scheduled(began_ms)
    return [
        ("add", ("p", job("before"))),
        schedule,
        ("promote", ("p", next_id)),
        ("add", ("p", job("behind"))),
        ("drain", ("p", False)),
        ("fetch", ("p", "t")),
    ]


def obliterate_what_runs(_: int) -> list[Operation]:
    return [("add", ("p", job("a"))), ("fetch", ("p", "t")), ("obliterate", ("p", False)), ("obliterate", ("p", True))]


def come_back_after_an_end(_: int) -> list[Operation]:
    return [("add", ("p", job("a"))), ("obliterate", ("p", True)), ("limit_running", ("p", 1))]


def replace_one_that_has_the_key_for_a_time(_: int) -> list[Operation]:
    first = job("a", delay=UNIT_MS, deduplication={"id": "k", "ttl": UNIT_MS})
    return [("add", ("p", first)), ("add", ("p", job("b", delay=UNIT_MS, deduplication={"id": "k", "replace": True})))]


def extend_a_key_that_has_no_time(_: int) -> list[Operation]:
    more = {"id": "k", "ttl": UNIT_MS, "extend": True}
    return [("add", ("p", job("a", deduplication={"id": "k"}))), ("add", ("p", job("b", deduplication=more)))]


def replace_one_that_is_ready(_: int) -> list[Operation]:
    other = {"id": "k", "replace": True}
    return [("add", ("p", job("a", deduplication={"id": "k"}))), ("add", ("p", job("b", deduplication=other)))]


def remove_one_that_has_the_key_for_a_time(_: int) -> list[Operation]:
    return [
        ("add", ("p", job("a", deduplication={"id": "k", "ttl": UNIT_MS}))),
        ("fetch", ("p", "t")),
        ("complete", ("p", "a", "t", None)),
        ("remove", ("p", "a", False)),
    ]


def fail_a_parent_that_has_a_delay(_: int) -> list[Operation]:
    return [
        family({"failParentOnFailure": True}, delay=UNIT_MS),
        ("fetch", ("r", "t")),
        ("fail", ("r", "c", "t", "boom", True)),
        ("fetch", ("q", "t")),
        ("fail", ("q", "p", "t", "child d:r:c failed", True)),
        ("retry", ("q", "p", "failed")),
    ]


def retry_the_child_of_a_parent_that_went_on(_: int) -> list[Operation]:
    return [
        family({"ignoreDependencyOnFailure": True}),
        ("fetch", ("r", "t")),
        ("fail", ("r", "c", "t", "boom", True)),
        ("retry", ("r", "c", "failed")),
    ]


def remove_the_parent(_: int) -> list[Operation]:
    return [family({}), ("remove", ("q", "p", False)), family({"jobId": "d"}), ("remove", ("q", "p", True))]


def remove_the_last_child(_: int) -> list[Operation]:
    return [family({}, delay=UNIT_MS), ("remove", ("r", "c", False))]


def retry_with_a_key(_: int) -> list[Operation]:
    return [
        ("add", ("p", job("a", lifo=True, deduplication={"id": "k"}))),
        ("add", ("p", job("b"))),
        ("fetch", ("p", "t")),
        ("fail", ("p", "a", "t", "boom", True)),
        ("retry", ("p", "a", "failed")),
    ]


def retry_all_anew(_: int) -> list[Operation]:
    return [
        ("add", ("p", job("a", priority=2))),
        ("fetch", ("p", "t")),
        ("fail", ("p", "a", "t", "boom", True)),
        ("retry_all", ("p", "failed")),
    ]


def promote_all(_: int) -> list[Operation]:
    return [("add", ("p", job("a", priority=2, delay=UNIT_MS))), ("promote_all", ("p",))]


def lift_a_rate(_: int) -> list[Operation]:
    return [("add", ("p", job("a"))), ("limit_rate", ("p", 1)), ("fetch", ("p", "t")), ("limit_rate", ("p", None))]


def resume_what_is_full(_: int) -> list[Operation]:
    return [
        ("add_bulk", ("p", [job("a"), job("b")])),
        ("limit_running", ("p", 1)),
        ("fetch", ("p", "t")),
        ("pause", ("p",)),
        ("resume", ("p",)),
    ]


def free_a_place(_: int) -> list[Operation]:
    return [
        ("limit_running", ("p", 1)),
        ("add_bulk", ("p", [job("a"), job("b")])),
        ("fetch", ("p", "t")),
        ("pause", ("p",)),
        ("resume", ("p",)),
        ("complete", ("p", "a", "t", None)),
    ]


def clean(_: int) -> list[Operation]:
    return [
        ("add", ("p", job("a"))),
        (LATER, (2,)),
        ("add", ("p", job("b"))),
        ("clean", ("p", "waiting", UNIT_MS, 100)),
        ("change_priority", ("p", "b", 1)),
        ("add", ("p", job("b"))),
    ]


def draw_no_number(_: int) -> list[Operation]:
    spec = ("a", {}, {"attempts": 1, "deduplication": {"id": "k"}})
    return [("add", ("p", spec)), ("add", ("p", spec)), ("add", ("p", spec))]


SCENES: Final[tuple[Scene, ...]] = (
    remove_from_a_scheduler,
    drain_a_scheduler,
    obliterate_what_runs,
    come_back_after_an_end,
    replace_one_that_has_the_key_for_a_time,
    extend_a_key_that_has_no_time,
    replace_one_that_is_ready,
    remove_one_that_has_the_key_for_a_time,
    fail_a_parent_that_has_a_delay,
    retry_the_child_of_a_parent_that_went_on,
    remove_the_parent,
    remove_the_last_child,
    retry_with_a_key,
    retry_all_anew,
    promote_all,
    lift_a_rate,
    resume_what_is_full,
    free_a_place,
    clean,
    draw_no_number,
)
