"""The picture example: the work itself, the flow, a broken picture, and the program that a reader starts."""

import importlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import headrace
from examples.images import ppm
from headrace.core.commands import Remove
from headrace.core.jobs import STATES
from headrace.errors import JobFailed
from tests.house.source import ROOT


@pytest.fixture
async def images(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """The module of the tasks; it reads the address of its store when it is imported, here and in child processes."""
    monkeypatch.setenv("HEADRACE_URL", "memory://")
    module = importlib.import_module("examples.images.app")
    async with module.app:
        yield module
        for queue in await module.app.queues():
            await module.app.storage.run(Remove(queue=queue.name, states=STATES))


def test_a_picture_comes_back_as_it_was_written_and_small_with_the_mean_of_its_pixels(tmp_path: Path) -> None:
    picture = ppm.Picture(4, 2, [bytes([0, 0, 0, 100, 50, 10] * 2)] * 2)
    ppm.write(tmp_path / "a.ppm", picture)
    assert ppm.read(tmp_path / "a.ppm") == picture
    told: list[int] = []
    assert ppm.scaled(picture, 2, told.append) == ppm.Picture(2, 1, [bytes([50, 25, 5] * 2)])
    assert told == [100]


async def test_the_flow_scales_enters_and_shows_every_picture(images: Any, tmp_path: Path) -> None:
    app: headrace.App = images.app
    pictures = [tmp_path / f"{number}.ppm" for number in range(3)]
    for number, path in enumerate(pictures):
        ppm.write(path, ppm.waves(120, 80, number))
    small = tmp_path / "small"
    small.mkdir()
    job = await app.enqueue(images.gallery(pictures, small))
    async with app.worker(concurrency=4):
        assert await job.result(timeout=30) == 3
    assert {ppm.size_of(small / path.name) for path in pictures} == {(64, 43)}
    assert len((small / "catalogue.tsv").read_text().splitlines()) == 3
    assert (small / "index.html").read_text().count("<img") == 3


async def test_a_broken_picture_fails_alone(images: Any, tmp_path: Path) -> None:
    app: headrace.App = images.app
    good, broken = tmp_path / "good.ppm", tmp_path / "broken.ppm"
    ppm.write(good, ppm.waves(8, 8, 1))
    broken.write_bytes(b"P6\n8 8\n255\nshort")
    async with app.worker(concurrency=2):
        jobs = [await images.thumbnail.enqueue(str(path), str(path) + ".small", 4) for path in (good, broken)]
        entered = [await images.catalogue.enqueue(str(path)) for path in (good, tmp_path / "none.ppm")]
        assert await jobs[0].result(timeout=20) == str(good) + ".small"
        assert await jobs[0].progress() == 100
        with pytest.raises(JobFailed, match=r"broken\.ppm ends too soon"):
            await jobs[1].result(timeout=20)
        assert (await entered[0].result(timeout=20)).width == 8
        with pytest.raises(JobFailed, match=r"none\.ppm"):
            await entered[1].result(timeout=20)


def test_the_program_does_it_all() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    command = [sys.executable, "-m", "examples.images", "3"]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "3 pictures scaled" in ran.stdout, ran.stdout + ran.stderr
