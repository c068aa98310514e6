"""`--help` without boxes: titles, and two columns that fit the terminal."""

from textwrap import fill
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions


class Columns:
    """What cyclopts asks of a help formatter; nothing of rich is imported before help is asked for."""

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        """A group of commands or options."""
        from rich.text import Text

        if not panel.entries:
            return
        console.print(Text(f"{panel.title}:", "bold"))
        labels = [_label(entry) for entry in panel.entries]
        width = max(map(len, labels))
        for label, entry in zip(labels, panel.entries, strict=True):
            text = f"  {label.ljust(width)}  {_description(entry, console)}".rstrip()
            console.print(Text(fill(text, options.max_width, subsequent_indent=" " * (width + 4))))
        console.print()

    def render_usage(self, console: "Console", options: "ConsoleOptions", usage: Any) -> None:
        """The first line."""
        line = f"Usage: {_text(usage, console).strip()}"
        console.print(fill(line, options.max_width), markup=False, highlight=False)
        console.print()

    def render_description(self, console: "Console", options: "ConsoleOptions", description: Any) -> None:
        """What a command does, and its example."""
        if text := _text(description, console).strip():
            console.print(
                "\n".join(fill(line, options.max_width) for line in text.splitlines()), markup=False, highlight=False
            )
            console.print()


def _label(entry: "HelpEntry") -> str:
    if entry.positional_label:
        return entry.positional_label
    names = ", ".join((*entry.positive_shorts, *entry.positive_names))
    return f"{names} {entry.metavar.removesuffix('...')}" if entry.metavar else names


def _description(entry: "HelpEntry", console: "Console") -> str:
    choices = f" One of {', '.join(entry.choices)}." if entry.choices else ""
    return f"{_text(entry.description, console).strip()}{choices}"


def _text(thing: Any, console: "Console") -> str:
    """A renderable of cyclopts as text, its lines not yet broken."""
    if thing is None or isinstance(thing, str):
        return thing or ""
    plain = getattr(getattr(thing, "primary_renderable", thing), "plain", None)
    if isinstance(plain, str):
        return plain
    with console.capture() as captured:
        console.print(thing, end="", soft_wrap=True)
    return captured.get()
