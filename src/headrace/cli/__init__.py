"""The command line: a noun, then a verb. Data on stdout, messages on stderr, and an exit code that tells."""

import sys
from collections.abc import Sequence

VERSION_FLAGS = ("--version", "-V")


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command line, that of this process by default, and give its exit code."""
    given = list(sys.argv[1:] if tokens is None else tokens)
    if given and given[0] in VERSION_FLAGS:
        print(f"headrace {version()}")
        return 0
    from headrace.cli.running import run

    return run(given, is_process=tokens is None)


def version() -> str:
    """That of the package; nothing of it is imported for this."""
    from importlib import metadata

    return metadata.version("headrace")
