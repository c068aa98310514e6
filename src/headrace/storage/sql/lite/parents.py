"""What the end of children does to their parents, on SQLite: one set-based step for each thing that can follow."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from headrace.core.jobs import Bond, JobRef
from headrace.core.lifecycle import REMOVED_REASON, child_failed
from headrace.storage.sql.lite.keys import id_of
from headrace.storage.sql.lite.ledger import Carried, Ledger, as_json
from headrace.storage.sql.script import load

SQL: Final = load("parents")
CLAIM: Final = load("claim")


Ties: TypeAlias = Mapping[int, Sequence[tuple[int, Bond]]]
"""Who follows each of some jobs, and by which bond."""


def followers_of(ledger: Ledger, keys: Iterable[int]) -> Ties:
    """Who follows these jobs."""
    ties: dict[int, list[tuple[int, Bond]]] = {}
    for child, follower, bond in ledger.rows(SQL.followers, {"keys": as_json(list(keys))}):
        ties.setdefault(child, []).append((follower, bond))
    return ties


def children_done(
    ledger: Ledger, done: list[tuple[int, int, str | None]], rescues: Collection[tuple[int, int]] = ()
) -> list[int]:
    """Children completed: (parent, child, result). A parent whose last one it was is released.

    `rescues` are pairs of a job that was to run should the other fail: such jobs are needed no more, and are to be
    removed.
    """
    touched = ledger.rows(SQL.done, {"rows": as_json(done)})
    _less(ledger, [parent for parent, _ in touched])
    unneeded = [parent for parent, child in touched if (parent, child) in rescues] if rescues else []
    release(ledger, dict.fromkeys(parent for parent, _, _ in done if parent not in unneeded))
    return _unneeded(ledger, unneeded)


def _unneeded(ledger: Ledger, keys: list[int]) -> list[int]:
    return [row[0] for row in ledger.rows(SQL.still_waiting, {"keys": as_json(keys)})] if keys else []


class Failed(NamedTuple):
    """A child that failed for good, and what that means to one who may wait for it."""

    parent: int
    bond: Bond
    child: int
    ref: JobRef
    reason: str


def children_failed(ledger: Ledger, failed: list[tuple[int, JobRef, str]], followers: Ties) -> list[tuple[int, JobRef]]:
    """Children failed for good: (child, its identity, why). Each acts on its parent by its policy.

    The parents that need their other children no more, each with the child that failed.
    """
    found = ledger.rows(SQL.policies, {"keys": as_json([child for child, _, _ in failed])})
    own = {child: (parent, policy) for child, parent, policy, _ in found}
    acting: list[Failed] = []
    for child, ref, why in failed:
        ties = [own[child]] if child in own else []
        acting += [Failed(*tie, child, ref, why) for tie in (*ties, *followers.get(child, ()))]
    return act_on_failures(ledger, acting)


def act_on_failures(ledger: Ledger, acting: list[Failed]) -> list[tuple[int, JobRef]]:
    """Do what each failure does, then let those go on that may, in the same order."""
    told = _end_edges(ledger, [one for one in acting if one.bond != "wait"])
    if not told:
        return []
    acting = [one for one in acting if (one.parent, one.child) in told]
    _less(ledger, [parent for parent, _ in told])
    lethal = [one for one in acting if one.bond == "fail_parent"]
    still_open = dict(ledger.rows(SQL.open, {"keys": as_json([one.parent for one in lethal])}))
    for one in lethal:
        if one.parent in still_open:
            ledger.defer(one.parent, child_failed(one.ref.queue, one.ref.id))
    hurried = {one.parent for one in acting if one.bond == "continue_parent"}
    if hurried:
        ledger.run(SQL.hurry, {"keys": as_json(list(hurried))})
    ledger.flush_places()
    for parent in dict.fromkeys(one.parent for one in acting):  # one by one: they keep the order of their children
        if parent in still_open:
            _hasten(ledger, [parent])
        release(ledger, [parent], hurried)
    return [(one.parent, one.ref) for one in lethal if still_open.get(one.parent)]


def _end_edges(ledger: Ledger, acting: list[Failed]) -> set[tuple[int, int]]:
    """Let nobody wait for these failed children any more: (parent, child) of those that were waited for."""
    kept = [
        (one.parent, one.child, one.reason if one.bond != "fail_parent" else None)
        for one in acting
        if one.bond != "drop"
    ]
    dropped = [(one.parent, one.child) for one in acting if one.bond == "drop"]
    told = ledger.rows(SQL.failed, {"rows": as_json(kept)}) if kept else []
    told += ledger.rows(SQL.dropped, {"rows": as_json(dropped)}) if dropped else []
    return {(parent, child) for parent, child in told}


Left: TypeAlias = Sequence[tuple[int, Bond | None]]
"""Who waited for jobs that are about to go, an entry for each job less; the bond of those that followed it."""


def forget_children(ledger: Ledger, keys: list[int]) -> Left:
    """Jobs are about to go: those who still wait for some of them."""
    order = {key: at for at, key in enumerate(keys)}
    rows = ledger.rows(SQL.forget_pending, {"keys": as_json(keys)})
    kept = [row for row in rows if row[5] == "finally"]
    if kept:
        ledger.run(SQL.keep_forgotten, {"rows": as_json(kept), "reason": REMOVED_REASON})
    rows.sort(key=lambda row: (order[row[2]], row[5] is not None, row[0]))  # first a parent, then who follows
    return [(row[1], row[5]) for row in rows]


def children_gone(ledger: Ledger, left: Left) -> list[int]:
    """Tell those whom `forget_children` gave, now that the jobs are gone; who is needed no more, and to be removed."""
    _less(ledger, [parent for parent, _ in left])
    rescues = [parent for parent, bond in left if bond == "on_failure"]
    release(ledger, dict.fromkeys(parent for parent, _ in left if parent not in rescues))
    return _unneeded(ledger, rescues)


def child_runs_again(ledger: Ledger, parent: int | None, child: int) -> None:
    """A finished child is retried: who still waits for children waits for it again."""
    for (waiting,) in ledger.rows(SQL.again, {"parent": parent, "child": child}):
        ledger.run(SQL.more, {"parent": waiting})


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
