"""A flow for people to watch: a tree that moves on a terminal; elsewhere a line an event, and the tree at the end.

Whatever comes out of a job is shown as `Text`, never read as markup, and what cannot be printed is escaped.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

import headrace
from headrace.core.commands import Node

from .ending import Step

NAME_WIDTH, INDENT, STATE_WIDTH, LINE_WIDTH, RESULT_MAX = 30, 4, 17, 20, 18
STYLES = {"completed": "green", "failed": "red", "active": "yellow", "delayed": "magenta"}
UUID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


async def watch(console: Console, app: headrace.App, root: headrace.Job[None]) -> None:
    """Show a flow until the last of its jobs has ended. Driven by events: nothing is asked while nothing happens."""
    nodes = (await app.tree(root)).nodes

    async def follow(node: Node, live: Live) -> None:
        async for event in app.queue(node.job.queue).events(after=0):
            if isinstance(event, headrace.Event) and event.job == node.job:
                if not console.is_interactive:
                    console.print(_line(event, nodes))
                live.update(draw((await app.tree(root)).nodes), refresh=True)
                if event.state in ("completed", "failed"):
                    return

    with Live(draw(nodes), console=console, auto_refresh=False, transient=True) as live:
        async with asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(follow(node, live))
    console.print(draw((await app.tree(root)).nodes), "")


def draw(nodes: Sequence[Node]) -> Tree:
    """A flow as a tree: each job with its state, its attempts, and its result or why it failed."""
    branches: dict[headrace.JobRef | None, Tree] = {}
    for node in nodes:  # parents come before their children
        over = branches.get(node.parent)
        branches[node.job] = Tree(_label(node)) if over is None else over.add(_label(node))
    return branches[nodes[0].job]


def compare(console: Console, facts: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]) -> None:
    """A table of what was expected and what was seen, part by part."""
    table = Table("", "", "expected", "seen", "", box=SIMPLE_HEAD)
    for title, (expected, seen) in facts.items():
        for what in {**expected, **seen}:
            wanted, found = expected.get(what, "nothing"), seen.get(what, "nothing")
            mark = Text("ok", "green") if wanted == found else Text("WRONG", "bold red")
            table.add_row(Text(title, "bold"), Text(plain(what)), Text(wanted), Text(plain(found)), mark)
            title = ""
        table.add_section()
    console.print(table)


def say(console: Console, text: str, style: str = "") -> None:
    """Print a paragraph as it is."""
    console.print(Text(text, style), width=min(console.width, 80))


def plain(text: str) -> str:
    """A text that a terminal can be trusted with, and in which ids are short."""
    return UUID.sub(r"\1", "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text))


def clipped(text: str) -> str:
    """The beginning of a text, as much of it as fits behind a job."""
    return text if len(text) <= RESULT_MAX else f"{text[: RESULT_MAX - 1]}…"


def _label(node: Node) -> Text:
    record = node.record
    if record is None:
        return Text("removed", "dim")
    step = Step.of(record)
    failure = record.failure or next(reversed(record.failures), None)
    label = Text(f"{plain(record.name):{NAME_WIDTH - INDENT * node.depth}}")
    label.append(f"{step.state:{STATE_WIDTH}}", STYLES.get(step.state, "dim")).append(step.tries, "dim")
    if record.result not in (None, "null"):
        label.append(f" -> {plain(clipped(record.result))}")
    elif step.state != "completed" and failure is not None:
        label.append(f"\n  {plain(failure.reason)}", STYLES.get(step.state, "dim"))
    return label


def _line(event: headrace.Event, nodes: Sequence[Node]) -> Text:
    """One event: when, since the flow was added; which job; and what it became."""
    records = {node.job: node.record for node in nodes}
    record = records[event.job]
    assert record is not None
    change = f"{event.was} -> {event.state}" if event.was else f"added {event.state}"
    why = f" ({event.cause})" if event.cause else ""
    return Text(f"{event.at - record.added_at:6} ms  {plain(record.name):{LINE_WIDTH}}{change}{why}")
