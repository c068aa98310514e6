"""`headrace demo`: the showcase, from the checkout or from the wheel."""

import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from headrace.cli import output
from headrace.cli.failure import Exit, Stop
from headrace.cli.options import PLAIN, Common

CHECKOUT: Final = Path(__file__).resolve().parents[3]
IN_CHECKOUT: Final = "examples.starchart.scenario"
IN_WHEEL: Final = "headrace._showcase.starchart.scenario"


def demo(*, _: Common = PLAIN) -> int:
    """Run the showcase.

    A flow that goes well, one whose DNS provider is down for good, and what is left of each.

    Example: headrace demo
    """
    scenario = importlib.import_module(place(CHECKOUT))
    return int(scenario.demo(output.console() if output.is_terminal() else None))


def place(checkout: Path) -> str:
    """The module that has it, made importable."""
    if (checkout / "examples" / "starchart" / "scenario.py").is_file():
        sys.path.insert(0, str(checkout))
        return IN_CHECKOUT
    *parents, _ = (IN_WHEEL.rsplit(".", depth)[0] for depth in (2, 1, 0))
    if all(find_spec(parent) for parent in parents) and find_spec(IN_WHEEL):
        return IN_WHEEL
    raise Stop(
        "the showcase is not installed here; it is in the repository, under examples/starchart",
        "no-showcase",
        Exit.NOT_FOUND,
    )
