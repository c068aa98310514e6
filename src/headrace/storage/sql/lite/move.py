"""Move on SQLite: what people do to single jobs. Each job stands or falls alone; these are no hot paths."""

from collections.abc import Callable
from typing import Final

from headrace.core.commands import Move, Moved
from headrace.core.commands.changes import FAMILY_MAX
from headrace.core.errors import NoMatch, Refused, WrongState
from headrace.core.flow_errors import FamilyTooLarge
from headrace.core.jobs import Failure, JobRef
from headrace.core.lifecycle import FAMILY_STARTS, STARTS, starts_of_retried
from headrace.storage.sql.lite.cancel import cancel
from headrace.storage.sql.lite.dedup import retake
from headrace.storage.sql.lite.keys import keys_of, no_such, number_of, ref_of
from headrace.storage.sql.lite.ledger import Carried, Ledger, as_json
from headrace.storage.sql.lite.match import fitting
from headrace.storage.sql.lite.parents import child_runs_again, reclaim_children
from headrace.storage.sql.lite.rehome import rehome
from headrace.storage.sql.lite.retention import SQL as REMOVE
from headrace.storage.sql.lite.standing import SQL, Standing, standing_of, take
from headrace.storage.sql.rows import options


def move(ledger: Ledger, command: Move) -> Moved:
    """Move jobs by hand; see `core.commands.changes.Move`."""
    refusals: list[Refused | None] = []
    requested: list[int] = []
    moved: list[JobRef] = []
    asked: list[JobRef] = []
    named = keys_of(ledger, [(job.queue, job.id) for job in command.jobs])
    wanted = fitting(ledger, command.where, named)
    is_whole = command.with_children and command.action in FAMILY_STARTS
    for at, (job, key) in enumerate(zip(command.jobs, named, strict=True)):
        ledger.flush()
        standing = standing_of(ledger, job)
        refusal = _refusal(standing, job, command, is_wanted=key in wanted, is_whole=is_whole)
        now = job
        if standing and not refusal:
            if is_whole:
                refusal, members, running = _move_family(ledger, standing, command)
                moved += members
                asked += running
                requested += [at] if running else []
            elif standing.state == "active":
                _cancel(ledger, standing, command)
                requested.append(at)
            elif command.action == "move":
                gone = rehome(ledger, standing, command.to)
                refusal, now = (gone, job) if isinstance(gone, Refused) else (None, gone)
            else:
                _ACTIONS[command.action](ledger, standing, command)
        refusals.append(refusal)
        if command.action == "move":
            moved.append(now)
    return Moved(tuple(refusals), tuple(requested), tuple(moved), tuple(asked))


def _move_family(ledger: Ledger, root: Standing, command: Move) -> tuple[Refused | None, list[JobRef], list[JobRef]]:
    """Why not, or which members were moved, and the active ones of which were asked."""
    keys = [row[0] for row in ledger.rows(REMOVE.family, {"root": root.key, "limit": FAMILY_MAX + 2})]
    if len(keys) > FAMILY_MAX + 1:
        return FamilyTooLarge(queue=root.head.name, id=root.id, most=FAMILY_MAX), [], []
    known = {row[0]: row for row in ledger.rows(REMOVE.known, {"keys": as_json(keys)})}
    members = [known[key] for key in keys if known[key][2] in FAMILY_STARTS[command.action]]
    if not members:
        return WrongState(queue=root.head.name, id=root.id, state=root.state), [], []
    if command.action == "retry":
        members.reverse()  # each child before its parent
        ledger.run(SQL.expect_again, {"keys": as_json([key for key, _, _ in members])})
    moved: list[JobRef] = []
    asked: list[JobRef] = []
    for key, custom, _ in members:
        ledger.flush()
        moved.append(ref_of(ledger.head_of(key), key, custom))
        standing = standing_of(ledger, moved[-1])
        if standing is None or standing.key != key or standing.state not in FAMILY_STARTS[command.action]:
            continue  # the end of another has called it off
        asked += moved[-1:] if standing.state == "active" else []
        _ACTIONS[command.action](ledger, standing, command)
    return None, moved, asked


def _refusal(
    standing: Standing | None, job: JobRef, command: Move, *, is_wanted: bool, is_whole: bool
) -> Refused | None:
    if standing is None:
        return no_such(job)
    if not is_wanted:
        return NoMatch(queue=job.queue, id=job.id)
    if not is_whole and standing.state not in STARTS[command.action]:
        return WrongState(queue=job.queue, id=job.id, state=standing.state)
    return None


def _enter_back(ledger: Ledger, standing: Standing, carried: Carried) -> None:
    state = ledger.enter_ready(standing.head, standing.key, carried)
    ledger.event(standing.head, standing.id, state, standing.state)


def _retry(ledger: Ledger, standing: Standing, _: Move) -> None:
    take(ledger, standing)
    child_runs_again(ledger, standing.parent, standing.key)
    custom = None if number_of(standing.id) else standing.id
    chosen = options(standing.options)
    retake(ledger, standing.head, standing.key, custom, chosen.dedup)
    started = starts_of_retried(chosen, standing.carried.started)
    carried = standing.carried._replace(made=0, started=started, stalls=0)
    if reclaim_children(ledger, standing.key):
        ledger.run(SQL.wait_again, {"key": standing.key, "now": ledger.now} | carried._asdict())
        ledger.enter(standing.head, "waiting-children")
        ledger.rekey(standing.head, (standing.key,))
        ledger.event(standing.head, standing.id, "waiting-children", standing.state)
    else:
        _enter_back(ledger, standing, carried)


def _promote(ledger: Ledger, standing: Standing, _: Move) -> None:
    take(ledger, standing)
    _enter_back(ledger, standing, standing.carried)


def _delay(ledger: Ledger, standing: Standing, command: Move) -> None:
    take(ledger, standing)
    ledger.enter_delayed(standing.head, standing.key, standing.carried, ledger.now + command.delay_ms)
    ledger.event(standing.head, standing.id, "delayed", standing.state)


def _prioritise(ledger: Ledger, standing: Standing, command: Move) -> None:
    carried = standing.carried._replace(priority=command.priority)
    if standing.state in ("waiting", "prioritized"):
        take(ledger, standing)
        state = ledger.enter_ready(standing.head, standing.key, carried)
        if state != standing.state:
            ledger.event(standing.head, standing.id, state, standing.state)
    else:
        step = SQL.prioritise_delayed if standing.state == "delayed" else SQL.prioritise_parent
        ledger.run(step, {"key": standing.key, "priority": command.priority})


def _cancel(ledger: Ledger, standing: Standing, command: Move) -> None:
    cancel(ledger, standing, command.failure or Failure("cancelled", "cancelled"))


_ACTIONS: Final[dict[str, Callable[[Ledger, Standing, Move], None]]] = {
    "retry": _retry,
    "promote": _promote,
    "delay": _delay,
    "prioritise": _prioritise,
    "cancel": _cancel,
}
