"""The end of a job that nobody runs, and of those that are needed no more because another has failed, on SQLite."""

from collections import deque
from typing import Any, Final

from headrace.core.commands.changes import FAMILY_MAX
from headrace.core.jobs import Failure, JobRef
from headrace.core.lifecycle import FAMILY_STARTS, sibling_failed
from headrace.core.topics import CONTROL
from headrace.storage.sql.lite.dedup import finish
from headrace.storage.sql.lite.keys import ref_of
from headrace.storage.sql.lite.ledger import Ledger, as_json, stamped
from headrace.storage.sql.lite.parents import Ties, children_failed, followers_of
from headrace.storage.sql.lite.retention import SQL as REMOVE
from headrace.storage.sql.lite.retention import apply_keep
from headrace.storage.sql.lite.standing import SQL, Standing, standing_of, take
from headrace.storage.sql.lite.storing import store
from headrace.storage.sql.rows import options
from headrace.storage.sql.script import load

SETTLE: Final = load("settle")


def cancel(ledger: Ledger, standing: Standing, failure: Failure) -> None:
    """Fail a job now; an active one's worker is asked, and its next claim fails it if that one never hears of it."""
    if standing.state == "active":
        _ask(ledger, standing, failure)
    else:
        tell_failed(ledger, [_fail(ledger, standing, failure)], followers_of(ledger, [standing.key]))
        _free_key(ledger, standing)
        apply_keep(ledger, standing.head, standing.key, "failed", options(standing.options).keep_failed)


def tell_failed(ledger: Ledger, failed: list[tuple[int, JobRef, str]], followers: Ties) -> None:
    """Tell those who wait for failed jobs; then cancel the siblings that are needed no more."""
    call_off(ledger, children_failed(ledger, failed, followers))


def call_off(ledger: Ledger, decided: list[tuple[int, JobRef]]) -> None:
    """Cancel what is below each parent, the child that failed decides for it; and so on, if that ends other parents."""
    free = deque(decided)
    seen: set[int] = set()
    while free:
        parent, culprit = free.popleft()
        if parent in seen:
            continue
        seen.add(parent)
        for standing in _open_below(ledger, parent):
            ledger.flush_places()
            now = standing_of(ledger, JobRef(standing.head.name, standing.id))
            if now is None or now.key != standing.key or now.state not in FAMILY_STARTS["cancel"]:
                continue
            why = sibling_failed(culprit.queue, culprit.id)
            if now.state == "active":
                _ask(ledger, now, why)
            else:
                free += children_failed(ledger, [_fail(ledger, now, why)], followers_of(ledger, [now.key]))
                _free_key(ledger, now)
                apply_keep(ledger, now.head, now.key, "failed", options(now.options).keep_failed)


def _open_below(ledger: Ledger, parent: int) -> list[Standing]:
    ledger.flush_places()
    keys = [row[0] for row in ledger.rows(REMOVE.family, {"root": parent, "limit": FAMILY_MAX + 1})][1:]
    known = {row[0]: row for row in ledger.rows(REMOVE.known, {"keys": as_json(keys)})}
    open_ = [known[key] for key in keys if known[key][2] in FAMILY_STARTS["cancel"]]
    refs = [ref_of(ledger.head_of(key), key, custom) for key, custom, _ in open_]
    return [found for ref in refs if (found := standing_of(ledger, ref)) is not None]


def _fail(ledger: Ledger, standing: Standing, failure: Failure) -> tuple[int, JobRef, str]:
    take(ledger, standing)
    ledger.run(SETTLE.undefer, {"keys": as_json([standing.key])})
    row: tuple[Any, ...] = (standing.key, standing.head.id, "failed", None, *standing.carried, stamped(ledger, failure))
    ledger.insert(SETTLE.finished, [row])
    ledger.enter(standing.head, "failed")
    ledger.rekey(standing.head, (standing.key,))
    ledger.event(standing.head, standing.id, "failed", standing.state, failure.cause)
    return standing.key, JobRef(standing.head.name, standing.id), failure.reason


def _free_key(ledger: Ledger, standing: Standing) -> None:
    """The dedup key of a job that has finished is free, and what was kept for its end is added."""
    if options(standing.options).dedup is not None:
        store(ledger, finish(ledger, [standing.key]))
        ledger.flush_places()


def _ask(ledger: Ledger, standing: Standing, failure: Failure) -> None:
    ledger.run(SQL.request_cancel, {"key": standing.key})
    ledger.defer(standing.key, failure)
    ledger.signal(CONTROL)
