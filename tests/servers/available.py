"""For tests that need a server which not every machine can run."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

import pytest

from tests.servers.process import CannotRun

T = TypeVar("T")


@contextmanager
def or_skip(running: AbstractContextManager[T]) -> Iterator[T]:
    """What `running` gives; where that cannot be had the test is skipped, and says why.

    A server that was there and does not come back is a failure like any other.
    """
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running)
        except CannotRun as reason:
            pytest.skip(str(reason))
        yield server
