"""What the end of children does to their parents, on SQLite: one set-based step for each thing that can follow."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from headrace.core.jobs import JobRef
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
    _release(ledger, dict.fromkeys(parent for parent, _, _ in done))


def children_failed(ledger: Ledger, failed: list[tuple[int, JobRef]]) -> None:
    """Children failed for good: (child, its identity). Each acts on its parent by its policy."""
    keys = [child for child, _ in failed]
    parents = {
        child: parent
        for child, parent, policy, _ in ledger.rows(SQL.policies, {"keys": as_json(keys)})
        if policy == "fail_parent"
    }
    lethal = [(parents[child], child, ref) for child, ref in failed if child in parents]
    if not lethal:
        return
    rows = [(parent, child, None) for parent, child, _ in lethal]
    touched = [row[0] for row in ledger.rows(SQL.done, {"rows": as_json(rows)})]
    _less(ledger, touched)
    still = {row[0] for row in ledger.rows(SQL.open, {"keys": as_json(list(set(touched)))})}
    told: dict[int, None] = {}
    for parent, _, ref in lethal:
        if parent in still and parent in touched and parent not in told:
            told[parent] = None
            ledger.defer(parent, child_failed(ref.queue, ref.id))
    ledger.flush_places()
    for parent in told:  # one by one, so that delayed and waiting parents keep the order of their children
        _hasten(ledger, [parent])
        _release(ledger, [parent])


def forget_children(ledger: Ledger, keys: list[int]) -> list[int]:
    """Jobs are about to go: the parents that still wait for some of them, one entry for each they have less."""
    return [row[0] for row in ledger.rows(SQL.forget_pending, {"keys": as_json(keys)})]


def children_gone(ledger: Ledger, parents: list[int]) -> None:
    """Tell the parents that `forget_children` gave, now that their children are gone."""
    _less(ledger, parents)
    _release(ledger, dict.fromkeys(parents))


def child_runs_again(ledger: Ledger, parent: int, child: int) -> None:
    """A finished child is retried: a parent that still waits for children waits for it again."""
    if ledger.row(SQL.again, {"parent": parent, "child": child}) is not None:
        ledger.run(SQL.more, {"parent": parent})


def release_childless(ledger: Ledger, keys: Iterable[int]) -> None:
    """Jobs that began to wait for children: those that have none pending, or are to fail, are released at once."""
    _release(ledger, keys)


def _less(ledger: Ledger, touched: list[int]) -> None:
    if touched:
        ledger.run(SQL.less, {"rows": as_json(list(Counter(touched).items()))})


def _release(ledger: Ledger, keys: Iterable[int]) -> None:
    """Let parents go on that wait for no child any more, and those that are to fail."""
    wanted = list(keys)
    if not wanted:
        return
    rows = {row[0]: row for row in ledger.rows(SQL.waiting, {"keys": as_json(wanted)})}
    free = [rows[key] for key in wanted if key in rows and rows[key][1]]
    if not free:
        return
    ledger.run(SQL.released, {"keys": as_json([row[0] for row in free])})
    for key, _, delay_ms, priority, made, started, stalls, custom in free:
        head = ledger.head_of(key)
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
