"""Short sequences that meet what the seeds seldom do: each the shortest that shows a deliberate difference."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from tests.interop.twins.picture import PREFIX, UNIT_MS
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
        ("add_bulk", ("p", [job("a", priority=2), job("b"), job("c")])),
        *(("fetch", ("p", f"t {name}")) for name in "bca"),
        *(("fail", ("p", name, f"t {name}", "boom", True)) for name in "cba"),
        ("retry_all", ("p", "failed")),
    ]


def promote_all(_: int) -> list[Operation]:
    return [("add", ("p", job("a", priority=2, delay=UNIT_MS))), ("promote_all", ("p",))]


def lift_a_rate(_: int) -> list[Operation]:
    return [("add", ("p", job("a"))), ("limit_rate", ("p", 1)), ("fetch", ("p", "t")), ("limit_rate", ("p", None))]


def obliterate_what_is_limited(_: int) -> list[Operation]:
    return [
        ("add", ("p", job("a"))),
        ("limit_rate", ("p", 1)),
        ("fetch", ("p", "t")),
        ("obliterate", ("p", True)),
    ]


def limit_what_has_a_delayed_job(_: int) -> list[Operation]:
    return [
        ("add_bulk", ("p", [job("a", delay=UNIT_MS), job("b", delay=4 * UNIT_MS)])),
        (LATER, (2,)),
        ("fetch", ("p", "t")),
        ("limit_running", ("p", 1)),
    ]


def stall(_: int) -> list[Operation]:
    """Two of three lose their locks, one has a priority; the second time is once too often."""
    return [
        ("add_bulk", ("p", [job("a", priority=2), job("b"), job("c")])),
        *(("fetch", ("p", f"t {count}")) for count in range(3)),
        ("stall", ("p", "b")),
        ("stall", ("p", "a")),
        ("fetch", ("p", "again")),
        ("stall", ("p", "b")),
        ("fetch", ("p", "for the last time")),
        ("fail", ("p", "b", "for the last time", "job stalled more than allowable limit", True)),
    ]


def end_the_last_job(_: int) -> list[Operation]:
    """One that is not kept, with a fetch of the next and without; then one with a delayed job behind it."""
    return [
        ("add", ("p", job("a", removeOnComplete=True))),
        ("fetch", ("p", "t")),
        ("complete", ("p", "a", "t", None)),
        ("add", ("p", job("b", removeOnComplete=True))),
        ("fetch", ("p", "t")),
        ("complete_on", ("p", "b", "t", None)),
        ("add_bulk", ("p", [job("c", removeOnComplete=True), job("d", delay=UNIT_MS)])),
        ("fetch", ("p", "t")),
        ("complete_on", ("p", "c", "t", None)),
    ]


def do_not_keep_the_last_child(_: int) -> list[Operation]:
    return [
        family({"removeOnFail": True}, delay=UNIT_MS),
        ("fetch", ("r", "t")),
        ("fail", ("r", "c", "t", "boom", True)),
    ]


def fail_two_children(_: int) -> list[Operation]:
    of_p = {"parent": {"id": "p", "queue": f"{PREFIX}:q"}, "failParentOnFailure": True}
    return [
        family({"failParentOnFailure": True}),
        ("add", ("r", job("d", **of_p))),
        *(("fetch", ("r", f"t {name}")) for name in "cd"),
        *(("fail", ("r", name, f"t {name}", "boom", True)) for name in "cd"),
    ]


def keep_nothing_for_the_end_of_a_time(_: int) -> list[Operation]:
    last = {"id": "k", "keepLastIfActive": True}
    return [
        ("add", ("p", job("a", deduplication={"id": "k", "ttl": UNIT_MS}))),
        ("fetch", ("p", "t")),
        ("add", ("p", job("b", deduplication=last))),
    ]


def spend_a_rate_on_what_is_to_fail(_: int) -> list[Operation]:
    return [
        family({"failParentOnFailure": True}),
        ("add", ("q", job("behind"))),
        ("limit_rate", ("q", 1)),
        ("fetch", ("r", "t")),
        ("fail", ("r", "c", "t", "boom", True)),
        ("fetch", ("q", "t 1")),
        ("fetch", ("q", "t 2")),
    ]


def home(**parent: Any) -> Operation:
    """A parent `p` with a child `c` in the same queue."""
    below = {"name": "a", "queueName": "q", "data": {}, "opts": {"attempts": 1, "jobId": "c"}}
    opts = {"attempts": 1, "jobId": "p", **parent}
    return "flow", ({"name": "a", "queueName": "q", "data": {}, "opts": opts, "children": [below]},)


def drain_the_last_child(_: int) -> list[Operation]:
    other = job("d", parent={"id": "p", "queue": f"{PREFIX}:q"})
    return [
        home(),
        ("add", ("q", other)),
        ("fetch", ("q", "t")),
        ("complete", ("q", "c", "t", 1)),
        ("drain", ("q", False)),
        family({}, jobId="p2", priority=2),
        ("drain", ("r", False)),
    ]


def clean_the_last_child(_: int) -> list[Operation]:
    return [
        home(),
        ("fetch", ("q", "t")),
        ("fail", ("q", "c", "t", "boom", True)),
        ("clean", ("q", "failed", 0, 100)),
        family({"jobId": "d"}, jobId="r", delay=UNIT_MS),
        ("clean", ("r", "waiting", 0, 100)),
    ]


def obliterate_the_last_child(_: int) -> list[Operation]:
    return [
        family({}, priority=2),
        ("obliterate", ("r", True)),
        family({"jobId": "d"}, jobId="p2"),
        ("obliterate", ("q", True)),
    ]


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
    obliterate_what_is_limited,
    limit_what_has_a_delayed_job,
    stall,
    end_the_last_job,
    do_not_keep_the_last_child,
    fail_two_children,
    keep_nothing_for_the_end_of_a_time,
    spend_a_rate_on_what_is_to_fail,
    drain_the_last_child,
    clean_the_last_child,
    obliterate_the_last_child,
    resume_what_is_full,
    free_a_place,
    clean,
    draw_no_number,
)
