"""What the end of children does to their parents, on SQLite: one set-based step for each thing that can follow."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from headrace.core.jobs import JobRef, Policy
from headrace.core.lifecycle import child_failed
from headrace.storage.sql.lite.keys import id_of
from headrace.storage.sql.lite.ledger import Carried, Ledger, as_json
from headrace.storage.sql.script import load

SQL: Final = load("parents")
CLAIM: Final = load("claim")


def children_done(ledger: Ledger, done: list[tuple[int, int, str | None]]) -> None:
    """Children completed: (parent, child, result). A parent whose last one it was is released."""
    touched = [row[0] for row in ledger.rows(SQL.done, {"rows": as_json(done)})]
    _less(ledger, touched)
    release(ledger, dict.fromkeys(parent for parent, _, _ in done))


class Failed(NamedTuple):
    """A child that failed for good, and what that means to its parent."""

    parent: int
    policy: Policy
    child: int
    ref: JobRef
    reason: str


def children_failed(ledger: Ledger, failed: list[tuple[int, JobRef, str]]) -> None:
    """Children failed for good: (child, its identity, why). Each acts on its parent by its policy."""
    found = ledger.rows(SQL.policies, {"keys": as_json([child for child, _, _ in failed])})
    ties = {child: (parent, policy) for child, parent, policy, _ in found}
    acting = [Failed(*ties[child], child, ref, why) for child, ref, why in failed if child in ties]
    told = _end_edges(ledger, [one for one in acting if one.policy != "wait"])
    if not told:
        return
    acting = [one for one in acting if one.child in told]
    _less(ledger, list(told.values()))
    lethal = [one for one in acting if one.policy == "fail_parent"]
    still_open = {row[0] for row in ledger.rows(SQL.open, {"keys": as_json([one.parent for one in lethal])})}
    for one in lethal:
        if one.parent in still_open:
            ledger.defer(one.parent, child_failed(one.ref.queue, one.ref.id))
    hurried = {one.parent for one in acting if one.policy == "continue_parent"}
    if hurried:
        ledger.run(SQL.hurry, {"keys": as_json(list(hurried))})
    ledger.flush_places()
    for parent in dict.fromkeys(one.parent for one in acting):  # one by one: they keep the order of their children
        if parent in still_open:
            _hasten(ledger, [parent])
        release(ledger, [parent], hurried)


def _end_edges(ledger: Ledger, acting: list[Failed]) -> dict[int, int]:
    """Let no parent wait for these failed children any more: the children it waited for, with their parents."""
    kept = [
        (one.parent, one.child, one.reason if one.policy != "fail_parent" else None)
        for one in acting
        if one.policy != "drop"
    ]
    dropped = [(one.parent, one.child) for one in acting if one.policy == "drop"]
    told = ledger.rows(SQL.failed, {"rows": as_json(kept)}) if kept else []
    told += ledger.rows(SQL.dropped, {"rows": as_json(dropped)}) if dropped else []
    return {child: parent for parent, child in told}


def forget_children(ledger: Ledger, keys: list[int]) -> list[int]:
    """Jobs are about to go: the parents that still wait for some of them, one entry for each they have less."""
    return [row[0] for row in ledger.rows(SQL.forget_pending, {"keys": as_json(keys)})]


def children_gone(ledger: Ledger, parents: list[int]) -> None:
    """Tell the parents that `forget_children` gave, now that their children are gone."""
    _less(ledger, parents)
    release(ledger, dict.fromkeys(parents))


def child_runs_again(ledger: Ledger, parent: int, child: int) -> None:
    """A finished child is retried: a parent that still waits for children waits for it again."""
    if ledger.row(SQL.again, {"parent": parent, "child": child}) is not None:
        ledger.run(SQL.more, {"parent": parent})


def reclaim_children(ledger: Ledger, parent: int) -> int:
    """A parent is retried: the children that failed it are pending again, unless they have completed since.

    How many are pending now.
    """
    step = {"parent": parent}
    ledger.run(SQL.completed_since, step)
    ledger.run(SQL.pending_again, step)
    row = ledger.row(SQL.recount, step)
    return row[0] if row is not None else 0


def _less(ledger: Ledger, touched: list[int]) -> None:
    if touched:
        ledger.run(SQL.less, {"rows": as_json(list(Counter(touched).items()))})


def release(
    ledger: Ledger, keys: Iterable[int], hurried: Collection[int] = (), pauses: Mapping[int, int] | None = None
) -> None:
    """Let parents go on that wait for no child any more, those that are to fail, and those that are hurried.

    `pauses` are delays that some asked for should they have nothing to wait for.
    """
    wanted = list(keys)
    if not wanted:
        return
    rows = {row[0]: row for row in ledger.rows(SQL.waiting, {"keys": as_json(wanted)})}
    free = [rows[key] for key in wanted if key in rows and (rows[key][1] or key in hurried)]
    if not free:
        return
    ledger.run(SQL.released, {"keys": as_json([row[0] for row in free])})
    for key, _, is_doomed, delay_ms, priority, made, started, stalls, custom in free:
        head = ledger.head_of(key)
        if pauses and not is_doomed:
            delay_ms = pauses.get(key, delay_ms)
        carried = Carried(priority, made, started, stalls)
        ledger.leave(head, "waiting-children")
        if delay_ms:
            ledger.enter_delayed(head, key, carried, ledger.now + delay_ms)
            ledger.event(head, id_of(key, custom), "delayed", "waiting-children")
        else:
            # The front is for parents without priority; the others take their place behind their equals.
            state = ledger.enter_ready(head, key, carried, is_front=not priority)
            ledger.event(head, id_of(key, custom), state, "waiting-children")


def _hasten(ledger: Ledger, keys: Iterable[int]) -> None:
    """Parents that are delayed and to fail need not wait for their time."""
    wanted = list(keys)
    rows = ledger.rows(SQL.delayed, {"keys": as_json(wanted)}) if wanted else []
    if not rows:
        return
    ledger.run(CLAIM.undelay, {"keys": as_json([row[0] for row in rows])})
    for key, priority, made, started, stalls, custom in rows:
        head = ledger.head_of(key)
        ledger.leave(head, "delayed")
        state = ledger.enter_ready(head, key, Carried(priority, made, started, stalls), is_front=not priority)
        ledger.event(head, id_of(key, custom), state, "delayed")
