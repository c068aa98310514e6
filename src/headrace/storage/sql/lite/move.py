"""Move on SQLite: what people do to single jobs. Each job stands or falls alone; these are no hot paths."""

from collections.abc import Callable
from typing import Any, Final

from headrace.core.commands import Move, Moved
from headrace.core.errors import NoMatch, Refused, WrongState
from headrace.core.jobs import Failure, JobRef
from headrace.core.lifecycle import STARTS
from headrace.core.topics import CONTROL
from headrace.storage.sql.lite.add import store
from headrace.storage.sql.lite.dedup import finish, retake
from headrace.storage.sql.lite.keys import keys_of, no_such, number_of
from headrace.storage.sql.lite.ledger import Carried, Ledger, as_json
from headrace.storage.sql.lite.match import fitting
from headrace.storage.sql.lite.parents import child_runs_again, children_failed, reclaim_children
from headrace.storage.sql.lite.rehome import rehome
from headrace.storage.sql.lite.retention import apply_keep
from headrace.storage.sql.lite.settle import SQL as SETTLE
from headrace.storage.sql.lite.settle import stamped
from headrace.storage.sql.lite.standing import SQL, Standing, standing_of, take
from headrace.storage.sql.rows import options


def move(ledger: Ledger, command: Move) -> Moved:
    """Move jobs by hand; see `core.commands.jobs.Move`."""
    refusals: list[Refused | None] = []
    requested: list[int] = []
    moved = list(command.jobs)
    named = keys_of(ledger, [(job.queue, job.id) for job in command.jobs])
    wanted = fitting(ledger, command.where, named)
    for at, (job, key) in enumerate(zip(command.jobs, named, strict=True)):
        ledger.flush()
        standing = standing_of(ledger, job)
        refusal = _refusal(standing, job, command, is_wanted=key in wanted)
        if standing and not refusal:
            if standing.state == "active":
                _request_cancel(ledger, standing, command)
                requested.append(at)
            elif command.action == "move":
                gone = rehome(ledger, standing, command.to)
                if isinstance(gone, Refused):
                    refusal = gone
                else:
                    moved[at] = gone
            else:
                _ACTIONS[command.action](ledger, standing, command)
        refusals.append(refusal)
    return Moved(tuple(refusals), tuple(requested), tuple(moved) if command.action == "move" else ())


def _refusal(standing: Standing | None, job: JobRef, command: Move, *, is_wanted: bool) -> Refused | None:
    if standing is None:
        return no_such(job)
    if not is_wanted:
        return NoMatch(queue=job.queue, id=job.id)
    if standing.state not in STARTS[command.action]:
        return WrongState(queue=job.queue, id=job.id, state=standing.state)
    return None


def _enter_back(ledger: Ledger, standing: Standing, carried: Carried) -> None:
    state = ledger.enter_ready(standing.head, standing.key, carried)
    ledger.event(standing.head, standing.id, state, standing.state)


def _retry(ledger: Ledger, standing: Standing, _: Move) -> None:
    take(ledger, standing)
    if standing.parent is not None:
        child_runs_again(ledger, standing.parent, standing.key)
    custom = None if number_of(standing.id) else standing.id
    retake(ledger, standing.head, standing.key, custom, options(standing.options).dedup)
    carried = standing.carried._replace(made=0, stalls=0)
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
    failure = command.failure or Failure("cancelled", "cancelled")
    body = stamped(ledger, failure)
    take(ledger, standing)
    ledger.run(SETTLE.undefer, {"keys": as_json([standing.key])})
    row: tuple[Any, ...] = (standing.key, standing.head.id, "failed", None, *standing.carried, body)
    ledger.insert(SETTLE.finished, [row])
    ledger.enter(standing.head, "failed")
    ledger.rekey(standing.head, (standing.key,))
    ledger.event(standing.head, standing.id, "failed", standing.state, failure.cause)
    if standing.parent is not None:
        children_failed(ledger, [(standing.key, JobRef(standing.head.name, standing.id), failure.reason)])
    chosen = options(standing.options)
    if chosen.dedup is not None:
        store(ledger, finish(ledger, [standing.key]))
        ledger.flush_places()
    apply_keep(ledger, standing.head, standing.key, "failed", chosen.keep_failed)


def _request_cancel(ledger: Ledger, standing: Standing, command: Move) -> None:
    """Ask the worker; the deferred failure makes the cancel survive a worker that never hears of it."""
    ledger.run(SQL.request_cancel, {"key": standing.key})
    ledger.defer(standing.key, command.failure or Failure("cancelled", "cancelled"))
    ledger.signal(CONTROL)


_ACTIONS: Final[dict[str, Callable[[Ledger, Standing, Move], None]]] = {
    "retry": _retry,
    "promote": _promote,
    "delay": _delay,
    "prioritise": _prioritise,
    "cancel": _cancel,
}
