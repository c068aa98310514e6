"""A project, and `headrace` called in this process, which is much quicker than another process."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.cli import main
from tests.cli.project import Ended, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def call(project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Call the command line here, in the project's folder, on its store."""
    monkeypatch.chdir(project.folder)
    for name in [name for name in os.environ if name.startswith("HEADRACE_")]:
        monkeypatch.delenv(name)

    def called(*tokens: str) -> Ended:
        capsys.readouterr()
        code = main(tokens)
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return called
