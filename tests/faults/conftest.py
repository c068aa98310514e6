"""The engines on which processes share a store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.ground import ENGINES, Ground, broken_in


@pytest.fixture(params=ENGINES)
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """An empty store, on each engine."""
    with broken_in(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Ground]:
    """An empty store on a Redis of its own."""
    with broken_in("redis", tmp_path) as made:
        yield made
