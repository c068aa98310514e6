"""New jobs that wait for others which are not their children, on SQLite."""

from collections.abc import Sequence
from typing import Any

from headrace.core.commands.jobs import ADD_MAX
from headrace.core.jobs import Bond, JobRef
from headrace.storage.sql.lite.cancel import call_off
from headrace.storage.sql.lite.keys import existing_key, ref_of
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.lite.parents import SQL, Failed, act_on_failures, children_done
from headrace.storage.sql.lite.retention import SQL as REMOVE
from headrace.storage.sql.lite.retention import drop
from headrace.storage.sql.rows import failure

_Follows = Sequence[tuple[int, int, Bond]]


def follow(ledger: Ledger, follows: Sequence[tuple[int, JobRef, Bond]]) -> None:
    """Tie followers, which are there and wait, to jobs: (follower, job, bond). Who has ended is heard of at once."""
    ties: dict[tuple[int, int], Bond] = {}
    for follower, ref, bond in follows:
        job = existing_key(ledger, ref)
        if job is None:
            continue  # a job of the same Add has taken its place: what is removed is not waited for
        for key in _below(ledger, job) if bond == "finally" else [job]:
            ties.setdefault((follower, key), bond)
    ledger.run(SQL.follow, {"rows": as_json([(*pair, bond) for pair, bond in ties.items()])})
    _recount(ledger, [follower for follower, _ in ties])
    ended = {row[0]: row for row in ledger.rows(SQL.ended, {"keys": as_json([job for _, job in ties])})}
    if ended:
        _tell(ledger, ended, [(follower, job, bond) for (follower, job), bond in ties.items() if job in ended])


def watch_new(ledger: Ledger, edges: Sequence[tuple[Any, ...]]) -> None:
    """New jobs stand below others: (parent, child, …). Who waits for the end of all below these waits for them too."""
    _recount(ledger, [row[0] for row in ledger.rows(SQL.follow_new, {"rows": as_json(edges)})])


def _below(ledger: Ledger, job: int) -> list[int]:
    return [row[0] for row in ledger.rows(REMOVE.family, {"root": job, "limit": ADD_MAX})]


def _recount(ledger: Ledger, followers: list[int]) -> None:
    for follower in dict.fromkeys(followers):
        ledger.run(SQL.recount, {"parent": follower})


def _tell(ledger: Ledger, ended: dict[int, tuple[Any, ...]], ties: _Follows) -> None:
    done: list[tuple[int, int, str | None]] = []
    failed: list[Failed] = []
    for follower, job, bond in ties:
        _, state, body, custom = ended[job]
        if state == "completed":
            done.append((follower, job, body))
        else:
            why = failure(body)
            ref = ref_of(ledger.head_of(job), job, custom)
            failed.append(Failed(follower, bond, job, ref, why.reason if why is not None else ""))
    if done:
        unneeded = children_done(
            ledger, done, {(follower, job) for follower, job, bond in ties if bond == "on_failure"}
        )
        if unneeded:
            drop(ledger, unneeded)
    call_off(ledger, act_on_failures(ledger, failed))
