"""Draws docs/internals/lifecycle.md from the table in core/lifecycle.py: `python docs/draw_lifecycle.py [--check]`."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from headrace.core.jobs import STATES
from headrace.core.lifecycle import STARTS, TRANSITIONS, Transition

PAGE: Final = Path(__file__).resolve().parent / "internals" / "lifecycle.md"
_BEGIN: Final = "<!-- drawn by docs/draw_lifecycle.py; edit the table in src/headrace/core/lifecycle.py instead -->"
_END: Final = "<!-- end of the drawing -->"


def drawn() -> str:
    """Two diagrams and two tables."""
    by_itself = [edge for edge in TRANSITIONS if _verb(edge) not in STARTS]
    by_hand = [edge for edge in TRANSITIONS if _verb(edge) in STARTS or "promote" in edge.trigger]
    parts = [
        _BEGIN,
        "## What happens by itself",
        _diagram(by_itself),
        "## What people do",
        _diagram(by_hand),
        _table(("Action", "From"), (_action(action) for action in STARTS)),
        "## Every transition",
        _table(("From", "To", "Because", "Uses up an attempt"), map(_row, TRANSITIONS)),
        _END,
    ]
    return "\n\n".join(parts)


def page(text: str) -> str:
    """The page with the present drawing in it."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} has no place for the drawing; it lies between\n{_BEGIN}\n{_END}")
    return before + drawn() + after


def main(arguments: list[str]) -> int:
    """Write the page, or say whether it is as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    new = page(text)
    if "--check" in arguments:
        if new != text:
            sys.stderr.write(f"{PAGE} is not current; run python docs/draw_lifecycle.py\n")
        return int(new != text)
    PAGE.write_text(new, encoding="utf-8")
    return 0


def _verb(edge: Transition) -> str:
    return edge.trigger.partition(",")[0]


def _diagram(edges: Iterable[Transition]) -> str:
    """One arrow for two states, whatever leads from one to the other."""
    triggers: dict[tuple[str, str], list[str]] = {}
    for edge in edges:
        label = edge.trigger.removeprefix("settle: ").removesuffix(", with priority").removesuffix(" with priority")
        triggers.setdefault((_node(edge.before), _node(edge.after)), []).append(label)
    names = [f'    state "{state}" as {_node(state)}' for state in STATES if _node(state) != state]
    arrows = [
        f"    {before} --> {after}: {' / '.join(dict.fromkeys(labels))}" for (before, after), labels in triggers.items()
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", *names, *arrows, "```"])


def _node(state: str | None) -> str:
    return "[*]" if state is None else state.replace("-", "_")


def _action(action: str) -> tuple[str, ...]:
    starts = next(states for name, states in STARTS.items() if name == action)
    return action, ", ".join(f"`{state}`" for state in STATES if state in starts)


def _row(edge: Transition) -> tuple[str, ...]:
    before = f"`{edge.before}`" if edge.before else "(new)"
    after = f"`{edge.after}`" if edge.after else "(gone)"
    return before, after, edge.trigger, "yes" if edge.is_counted else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    def lines() -> Iterator[str]:
        yield f"| {' | '.join(head)} |"
        yield "|---" * len(head) + "|"
        for row in rows:
            yield f"| {' | '.join(row)} |"

    return "\n".join(lines())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
