"""`headrace flows`: a job with all that stands below it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias

from cyclopts import Parameter
from msgspec import Struct

from headrace.cli import output
from headrace.cli.failure import say
from headrace.cli.jobs import One
from headrace.cli.moves import Deed, do_to, moving_flows
from headrace.cli.options import SHOWN, Shown, noun
from headrace.cli.record import as_json, raw, ref
from headrace.cli.store import opened
from headrace.cli.text import clean, clipped
from headrace.core.commands import Move, Node
from headrace.core.jobs import JobRef
from headrace.engine.failures import cancelled
from headrace.why import tries

app = noun("flows", "See flows, cancel them, and retry what has failed of them.")

Flows: TypeAlias = Annotated[list[str], Parameter(name="JOB", help="One or more, as QUEUE/ID; each with all below it.")]

VALUE_MAX: Final = 200  # characters of a result or of a reason; `jobs show` has all of it
DRAWN_MAX: Final = 12  # levels that a terminal has room to draw
INDENTED_MAX: Final = 20  # levels; those below are numbered


class Line(Struct, frozen=True):
    """A node for people: what it is, its state, how often it was tried, and what came of it."""

    title: str
    state: str
    tries: str
    outcome: str


@app.command
async def show(job: One, /, *, common: Shown = SHOWN) -> None:
    """Draw a job with its children, and theirs.

    Each with its state, the attempts it has used, and its result or why it failed.

    Example: headrace flows show reports/0b6f6c0e-2f1a-4f5e-9d0c-7d9f0a3b1c2d
    """
    async with opened(common) as store:
        grown = await store.tree(ref(job))
    root = grown.nodes[0]
    below: dict[JobRef, list[Node]] = {}
    for node in grown.nodes[1:]:
        if node.parent is not None:
            below.setdefault(node.parent, []).append(node)
    if common.json:
        output.document({"root": str(root.job), "is_cut": grown.is_cut, "nodes": [_flat(node) for node in grown.nodes]})
    elif output.is_terminal() and max(node.depth for node in grown.nodes) <= DRAWN_MAX:
        _draw(root, below)
    else:
        _write(root, below)
    if root.record is not None and root.record.parent is not None:
        say(f"it is part of {root.record.parent.queue}/{root.record.parent.id}")
    if grown.is_cut:
        say(f"the flow has more than {len(grown.nodes)} jobs; these are the first")


@app.command
async def retry(jobs: Flows, /, *, common: Shown = SHOWN) -> int:
    """Run again what has failed of a job and of all below it.

    The leaves go first, and what waits for them goes on. What has completed is
    not run again.

    Example: headrace flows retry reports/0b6f6c0e-2f1a-4f5e-9d0c-7d9f0a3b1c2d
    """
    deed = Deed("retry a flow", "retried", moving_flows(Move((), "retry")), None)
    return await do_to(deed, jobs, common)


@app.command
async def cancel(
    jobs: Flows,
    /,
    *,
    reason: Annotated[str, Parameter(metavar="TEXT", help="What the jobs will say of their failure.")] = "cancelled",
    common: Shown = SHOWN,
) -> int:
    """Fail a job and all below it that have not ended.

    The workers of those that run are asked to; that takes a moment.

    Example: headrace flows cancel reports/0b6f6c0e-2f1a-4f5e-9d0c-7d9f0a3b1c2d
    """
    act = moving_flows(Move((), "cancel", failure=cancelled(reason)))
    return await do_to(Deed("cancel a flow", "cancelled", act, None), jobs, common)


def described(node: Node) -> Line:
    """A node as a line; a removed one is known by what its parent remembers."""
    record = node.record
    if record is None:
        left = f"ignored: {node.ignored}" if node.ignored is not None else ""
        return Line(str(node.job), "removed", "", f"= {node.value}" if node.value is not None else left)
    outcome = ""
    if record.failure is not None:
        ignored = "ignored: " if node.ignored is not None else ""
        outcome = f"{ignored}{record.failure.cause}: {record.failure.reason}"
    elif record.state == "completed":
        outcome = f"= {record.result or 'null'}"
    elif record.failures:
        outcome = f"last failure: {record.failures[-1].reason}"
    title = f"after {record.name}" if node.is_followed else record.name
    return Line(f"{title} ({node.job})", record.state, tries(record), clipped(outcome, VALUE_MAX))


def _flat(node: Node) -> dict[str, Any]:
    """A node with its depth and its parent's name: nesting would have an end, and flows can be deeper."""
    whole = as_json(node.record) if node.record is not None else {"job": str(node.job), "state": "removed"}
    parent = str(node.parent) if node.parent is not None else None
    place = {"depth": node.depth, "below": parent, "is_pending": node.is_pending, "value": raw(node.value)}
    place |= {"ignored": node.ignored, "is_followed": node.is_followed}
    return whole | place


def _write(root: Node, below: Mapping[JobRef, Sequence[Node]]) -> None:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        line = described(node)
        indent = "  " * min(node.depth, INDENTED_MAX) + (f"[{node.depth}] " if node.depth > INDENTED_MAX else "")
        output.line(f"{indent}{line.title}  {line.state}  {line.tries}  {line.outcome}".rstrip())
        waiting += reversed(below.get(node.job, ()))


def _draw(root: Node, below: Mapping[JobRef, Sequence[Node]]) -> None:
    from rich.text import Text
    from rich.tree import Tree

    def drawn(node: Node) -> Text:
        line = described(node)
        text = Text(f"{clean(line.title)}  ").append(line.state, output.STYLES.get(line.state, "dim"))
        text.append(f"  {line.tries}", "dim")
        return text.append(f"\n{clean(line.outcome)}") if line.outcome else text

    tree = Tree(drawn(root), guide_style="dim")
    waiting = [(tree, root)]
    while waiting:
        branch, node = waiting.pop()
        waiting += [(branch.add(drawn(child)), child) for child in below.get(node.job, ())]
    output.console().print(tree)
