"""Signs of a job that waits for its children, or for jobs that it follows."""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from headrace.core.commands import Node
from headrace.core.signs.facts import NAMED_MAX, Facts, Sign, at, command, ref
from headrace.core.signs.queues import QUEUE
from headrace.core.signs.workers import WORKERS


def a_failed_child_holds_it(facts: Facts) -> Iterator[str]:
    """What it waits for has failed, and does not let it go on."""
    for node in _shown(facts):
        record = node.record
        if record is not None and record.state == "failed":
            why = f": {record.failure.reason}" if record.failure else ""
            yield f"{_waits(node)} ({record.name}), which is failed and must be retried or removed{why}"


def it_waits_for_children(facts: Facts) -> Iterator[str]:
    """Children that are to come, wait, or run."""
    for node in _shown(facts):
        if _is_coming(node) and not node.is_followed:
            yield _coming(facts, node)


def it_waits_for_another_job(facts: Facts) -> Iterator[str]:
    """A job that it follows is to come, waits, or runs."""
    for node in _shown(facts):
        if _is_coming(node) and node.is_followed:
            yield _coming(facts, node)


def it_waits_for_more(facts: Facts) -> Iterator[str]:
    """More of them than one sentence each is worth."""
    more = facts.job.children_pending - len(_shown(facts))
    if more > 0:
        what = f"it waits for {more} children more" if _shown(facts) else "it waits for children"
        yield f"{what}; see them all: {command('flows', 'show', ref(facts.job))}"


def _shown(facts: Facts) -> list[Node]:
    """The first of those that it waits for: before all those that somebody must do something about."""
    pending = sorted((node for node in facts.nodes if node.is_pending and node.record), key=_is_coming)
    return pending[:NAMED_MAX]


def _is_coming(node: Node) -> bool:
    return node.record is not None and node.record.state != "failed"


def _waits(node: Node) -> str:
    return f"it waits for the {'job' if node.is_followed else 'child'} {node.job}"


def _coming(facts: Facts, node: Node) -> str:
    """Where a child is, and the nearest reason why it does not run."""
    child = node.record
    assert child is not None
    where = f"{_waits(node)} ({child.name}), which is {child.state}"
    match child.state:
        case "delayed":
            return f"{where} until {at(child.due_at)}"
        case "waiting" | "prioritized":
            theirs = replace(facts, job=child, active=())
            held = next((sentence for sign in (*QUEUE, *WORKERS) for sentence in sign(theirs)), None)
            return f"{where}: {held}" if held else where
        case "waiting-children":
            return f"{where}; see why: {command('jobs', 'why', ref(child))}"
        case _:
            return where


CHILDREN: Final[tuple[Sign, ...]] = (
    a_failed_child_holds_it,
    it_waits_for_children,
    it_waits_for_another_job,
    it_waits_for_more,
)
