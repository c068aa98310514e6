"""The command line: a noun, then a verb. Data on stdout, messages on stderr, and an exit code that tells."""

import sys
from collections.abc import Sequence

VERSION_FLAGS = ("--version", "-V")


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command line, that of this process by default, and give its exit code."""
    given = list(sys.argv[1:] if tokens is None else tokens)
    if given and given[0] in VERSION_FLAGS:
        return _version()
    from headrace.cli.running import run

    return run(given, is_process=tokens is None)


def _version() -> int:
    from importlib.metadata import version

    print(f"headrace {version('headrace')}")
    return 0
