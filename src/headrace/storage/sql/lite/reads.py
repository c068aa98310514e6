"""Get, Find, Count, Tree, Lines on SQLite. They write nothing and run on a reader's connection."""

from typing import Annotated, Any, Final

from msgspec import Meta, MsgspecError, json
from msgspec.structs import replace

from headrace.core.commands import (
    Count,
    Counted,
    Find,
    Found,
    Get,
    Got,
    Grown,
    LineList,
    Lines,
    Node,
    Tallied,
    Tally,
    TallyRecord,
    Tree,
)
from headrace.core.commands.reads import FIND_MAX, TREE_MAX, strange_cursor
from headrace.core.errors import Refused
from headrace.core.jobs import STATES, JobRef, State
from headrace.core.query import Query
from headrace.core.tallies import MINUTE_MS, first_minute
from headrace.core.terms import States
from headrace.storage.sql.lite import tallies
from headrace.storage.sql.lite.heads import NUMBER_BITS
from headrace.storage.sql.lite.keys import existing_key, id_of, keys_of, no_such
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.lite.match import fitting
from headrace.storage.sql.rows import record
from headrace.storage.sql.script import load

GET: Final = load("get")
FIND: Final = load("find")
TREE: Final = load("tree")
LINES: Final = load("lines")
COUNT: Final = load("count")
TALLY: Final = load("tally")
_PAGES: Final[dict[State, str]] = {
    "waiting": FIND.waiting,
    "prioritized": FIND.prioritized,
    "delayed": FIND.delayed,
    "active": FIND.active,
    "waiting-children": FIND.parents,
    "completed": FIND.finished,
    "failed": FIND.finished,
}
_STEADY: Final[dict[State, str]] = {
    **_PAGES,
    "waiting": FIND.ready_steady,
    "prioritized": FIND.ready_steady,
    "delayed": FIND.delayed_steady,
    "active": FIND.active_steady,
    "waiting-children": FIND.parents_steady,
}
_FAR: Final = 1 << 62  # before, or behind, every place
_Step = Annotated[int, Meta(ge=-_FAR, le=_FAR)]
_PLACE: Final = json.Decoder(tuple[_Step, _Step])
_STARTS: Final[dict[State, tuple[int, int]]] = {
    **dict.fromkeys(STATES, (-_FAR, -_FAR)),
    "prioritized": (0, _FAR),
    "completed": (_FAR, _FAR),
    "failed": (_FAR, _FAR),
}


def get(ledger: Ledger, command: Get) -> Got:
    """Whole records; see `core.commands.reads.Get`."""
    keys = keys_of(ledger, [(job.queue, job.id) for job in command.jobs])
    records = _records(ledger, [key for key in keys if key])
    found = [records.get(key) for key in keys]
    named = zip(command.jobs, found, strict=True)
    return Got(tuple(row if row is not None and row.id == job.id else None for job, row in named))


def _records(ledger: Ledger, keys: list[int]) -> dict[int, Any]:
    return {row[0]: record(row[1:]) for row in ledger.rows(GET.records, {"keys": as_json(keys)})}


def find(ledger: Ledger, command: Find) -> Found:
    """A page; see `core.commands.reads.Find`. The cursor holds the last row's place in its order."""
    a, b = _place(command)
    head = ledger.head(command.queue)
    if head is None:
        return Found(())
    where = command.where
    if command.is_steady:
        where = (where or Query()).and_(States((command.state,)))
    limit = min(command.limit, FIND_MAX)
    most = limit if command.where is None else FIND_MAX
    step = {"queue": head.id, "state": command.state, "limit": most + 1, "a": a, "b": b}
    rows = ledger.rows((_STEADY if command.is_steady else _PAGES)[command.state], step)
    looked, page = _page(rows[:most], fitting(ledger, where, [row[0] for row in rows[:most]]), limit)
    cursor = as_json(rows[looked - 1][1:]) if 0 < looked < len(rows) else None
    records = _records(ledger, page)
    return Found(tuple(records[key] for key in page), cursor, looked)


def _place(command: Find) -> tuple[int, int]:
    if command.after is None:
        return _STARTS[command.state]
    try:
        return _PLACE.decode(command.after)
    except MsgspecError:
        raise strange_cursor(command.after) from None


def _page(rows: list[tuple[int, ...]], wanted: set[int], limit: int) -> tuple[int, list[int]]:
    """The first wanted ones, and how many rows were looked at for them."""
    page: list[int] = []
    for looked, row in enumerate(rows):
        if len(page) == limit:
            return looked, page
        if row[0] in wanted:
            page.append(row[0])
    return len(rows), page


def count(ledger: Ledger, command: Count) -> Counted:
    """Jobs by state; see `core.commands.reads.Count`."""
    counts = {queue: dict.fromkeys(STATES, 0) for queue in command.queues}
    for row in ledger.rows(COUNT.by_state, {"names": as_json(command.queues)}):
        counts[row[0]] = dict(zip(STATES, row[1:], strict=True))
    return Counted(counts)


def tree(ledger: Ledger, command: Tree) -> Grown:
    """A job with its descendants, level by level read, depth first given; see `core.commands.reads.Tree`."""
    root = existing_key(ledger, command.job)
    if root is None:
        return Grown(())
    limit = min(command.limit, TREE_MAX)
    rows = ledger.rows(TREE.nodes, {"root": root, "depth": command.depth, "limit": limit + 1})
    records = _records(ledger, [row[0] for row in rows[:limit]])
    refs = {root: command.job}
    nodes = []
    for key, parent, depth, custom, name, is_pending, value, ignored, is_followed in rows[:limit]:
        refs.setdefault(key, JobRef(_queue_name(ledger, key), id_of(key, custom)))
        own = Node(refs[key], name, refs.get(parent), depth, records.get(key), bool(is_pending), value, ignored)
        nodes.append(replace(own, is_followed=True) if is_followed else own)
    return Grown(tuple(nodes), len(rows) > limit)


def _queue_name(ledger: Ledger, key: int) -> str:
    name: str = ledger.row(TREE.queue, {"id": key >> NUMBER_BITS})[0]
    return name


def tally(ledger: Ledger, command: Tally) -> Tallied:
    """What finished; see `core.commands.reads.Tally`."""
    since = {"minute": first_minute(ledger.now, command.minutes)}
    if command.queue is None:
        rows = ledger.rows(TALLY.of_all_since, since)
    else:
        rows = [(command.queue, *row) for row in ledger.rows(TALLY.since, since | {"queue": command.queue})]
    found = [
        TallyRecord(minute * MINUTE_MS, name, sums.completed, sums.failed, tuple(sums.waits), tuple(sums.runs), queue)
        for queue, minute, text in rows
        for name, sums in sorted(tallies.read(text).items())
    ]
    return Tallied(tuple(found), (ledger.now // MINUTE_MS + 1) * MINUTE_MS, ledger.now)


def lines(ledger: Ledger, command: Lines) -> LineList | Refused:
    """Log lines; see `core.commands.reads.Lines`."""
    key = existing_key(ledger, command.job)
    if key is None:
        return no_such(command.job)
    total, first = ledger.row(LINES.bounds, {"key": key})
    step = {"key": key, "after": command.after, "limit": command.limit}
    rows = [row[0] for row in ledger.rows(LINES.page, step)]
    return LineList(tuple(rows), max(command.after, first), total)
