"""Which event loop programs of ours run on."""

import asyncio
import importlib.util
import sys

import pytest

from headrace.engine import loop

HAS_UVLOOP = importlib.util.find_spec("uvloop") is not None


async def kind() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


@pytest.mark.skipif(not HAS_UVLOOP, reason="uvloop is not for this Python")
def test_a_program_of_ours_runs_on_uvloop_where_that_is_installed() -> None:
    assert loop.run(kind()) == "uvloop"


def test_without_it_a_program_runs_on_the_loop_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop.run(kind()) == "asyncio"
