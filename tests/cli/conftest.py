"""A project, and `headrace` called in this process, which is much quicker than another process."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.cli import main
from tests.cli.project import Ended, Project


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """On SQLite; where a module is marked with `ON_EACH`, on Redis too, under a prefix of its own."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return Project(tmp_path)
    url = request.getfixturevalue("valkey_url")
    return Project(tmp_path, {"HEADRACE_URL": url, "HEADRACE_PREFIX": f"t{uuid.uuid4().hex[:8]}"})


@pytest.fixture
def call(project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Call the command line here, in the project's folder, on its store."""
    monkeypatch.chdir(project.folder)
    for name in [name for name in os.environ if name.startswith("HEADRACE_")]:
        monkeypatch.delenv(name)
    for name, value in project.environ.items():
        monkeypatch.setenv(name, value)

    def called(*tokens: str) -> Ended:
        capsys.readouterr()
        code = main(tokens)
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return called
