"""The fixtures of `headrace.testing`, for pytest: installed with the package, loaded by pytest alone."""

import pkgutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from headrace.app import App
from headrace.core.settings import Settings
from headrace.testing.bench import MEMORY, Bench, RunUntilIdle
from headrace.testing.clock import FrozenClock
from headrace.testing.enqueued import Enqueued
from headrace.testing.faults import Faults


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the tests' app is, and where its jobs live."""
    group = parser.getgroup("headrace")
    group.addoption(
        "--headrace-url", default=MEMORY, metavar="URL", help="The store for tests of jobs; it must be empty."
    )
    group.addoption("--headrace-prefix", metavar="PREFIX", help="Of the keys on a Redis that others use, too.")
    group.addoption(
        "--headrace-store",
        metavar="MODULE:FUNCTION",
        help="For the conformance suite: what makes your store, called with clock=….",
    )
    parser.addini("headrace_app", "The app that headrace_app gives, as module:attribute (none: an app without tasks).")


def pytest_configure(config: pytest.Config) -> None:
    """Complain of a store that is not there once, and not in each test."""
    config.addinivalue_line("markers", "soak: takes minutes; of the conformance suite")
    target = config.getoption("--headrace-store")
    if target and not callable(named(config, "--headrace-store", target)):
        raise pytest.UsageError(f"--headrace-store = {target!r} is nothing to call; name what makes your store")


def named(config: pytest.Config, option: str, target: str) -> Any:
    """What module:attribute names; modules may stand in the working directory, and beside the settings of pytest.

    The command `pytest` looks in neither by itself, other than `python -m pytest`.
    """
    sys.path += [place for place in map(str, (config.invocation_params.dir, config.rootpath)) if place not in sys.path]
    try:
        return pkgutil.resolve_name(target)
    except (ImportError, AttributeError, ValueError) as error:
        raise pytest.UsageError(f"{option} = {target!r} names nothing: {error}; write module:attribute") from error


@pytest.fixture
def headrace_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The app of the project, on a fresh store and a frozen clock until the test is over."""
    option = request.config.getoption
    with Bench(_app(request.config), str(option("--headrace-url")), prefix=option("--headrace-prefix")) as bench:
        yield bench


@pytest.fixture
def headrace_app(headrace_bench: Bench) -> App:
    """The app, with nothing in its store; jobs are stored, and run when `run_until_idle` is called."""
    return headrace_bench.app


@pytest.fixture
def headrace_clock(headrace_bench: Bench) -> FrozenClock:
    """The clock of the app's store; it moves by `tick(seconds)` only."""
    return headrace_bench.clock


@pytest.fixture
def headrace_faults(headrace_bench: Bench) -> Faults:
    """What goes wrong between the app and its store; nothing, until you say so."""
    return headrace_bench.faults


@pytest.fixture
def run_until_idle(headrace_bench: Bench) -> RunUntilIdle:
    """What runs the jobs that can run: await it, or call its `sync`."""
    return headrace_bench.run_until_idle


@pytest.fixture
def assert_enqueued(headrace_bench: Bench) -> Enqueued:
    """What asserts that a task was enqueued, with these arguments, and shows what was enqueued if it was not."""
    return headrace_bench.enqueued


def _app(config: pytest.Config) -> App:
    target = str(config.getini("headrace_app"))
    if not target:
        return App(settings=Settings(url=MEMORY))
    found = named(config, "headrace_app", target)
    if not isinstance(found, App):
        raise pytest.UsageError(f"headrace_app = {target!r} is a {type(found).__name__}; it must be a headrace.App")
    return found
