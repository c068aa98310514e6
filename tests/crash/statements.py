"""Standing beside every SQL statement that a store is about to execute."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apsw

LANES = ("headrace-writer", "headrace-reader", threading.main_thread().name)  # short turns are done on the loop


class Statements:
    """Counts the statements that commands execute, from the moment it is armed, and calls `at` before each."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.at: Callable[[int, str], None] | None = None

    def arm(self, at: Callable[[int, str], None]) -> None:
        self.seen = []
        self.at = at

    def disarm(self) -> None:
        self.at = None

    def __call__(self, cursor: object, sql: str, bindings: object) -> bool:
        if self.at is not None and threading.current_thread().name in LANES:
            self.seen.append(sql)
            self.at(len(self.seen), sql)
        return True


@contextmanager
def watched() -> Iterator[Statements]:
    """Statements of every connection that is made in this block."""
    statements = Statements()

    def hook(db: apsw.Connection) -> None:
        db.exec_trace = statements

    hooks: list[Any] = apsw.connection_hooks
    hooks.append(hook)
    try:
        yield statements
    finally:
        hooks.remove(hook)
