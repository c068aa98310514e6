"""Plugins: what registers with an app, where it comes from, and which one is to blame."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from examples.plugin import watchful
from headrace import App
from headrace.errors import PluginFailed

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package with a plugin where Python finds packages: its code, and what an installer leaves beside it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(name: str, code: str, target: str = "") -> None:
        (tmp_path / f"{name}.py").write_text(code)
        facts = tmp_path / f"headrace_{name}-1.5.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: headrace-{name}\nVersion: 1.5\n")
        (facts / "entry_points.txt").write_text(f"[headrace.plugins]\n{name} = {target or name}\n")
        monkeypatch.delitem(sys.modules, name, raising=False)

    return installed


def code(task: str) -> str:
    return f"def register(app):\n    @app.task(name={task!r})\n    def work() -> None: ...\n"


def made() -> App:
    return App("memory://")


def test_a_module_registers_by_its_function() -> None:
    app = made()
    app.plugin(watchful)
    assert list(app.tasks) == ["watchful.seen"]
    assert (len(app.middlewares), len(app.hooks.failed)) == (1, 1)


def test_a_function_is_a_plugin_too() -> None:
    app, given = made(), list[App]()
    app.plugin(given.append)
    assert given == [app]


def test_an_installed_plugin_is_found_by_its_name(install: Install) -> None:
    install("stamps", code("stamp"))
    install("letters", code("letter"), "letters:register")
    app = made()
    app.plugin("letters")
    assert list(app.tasks) == ["letter"]


def test_without_a_name_all_that_are_installed_are_taken_by_name(install: Install) -> None:
    install("stamps", code("stamp"))
    install("letters", code("letter"), "letters:register")
    app = made()
    app.plugin()
    assert list(app.tasks) == ["letter", "stamp"]


def test_a_plugin_is_registered_once_in_each_app() -> None:
    app, other = made(), made()
    for each in (app, app, other):
        each.plugin(watchful)
    assert len(app.middlewares) == len(other.middlewares) == 1


def test_a_name_that_nobody_brings_is_an_error_with_a_suggestion(install: Install) -> None:
    install("stamps", code("stamp"))
    with pytest.raises(PluginFailed, match=r"no installed package has a plugin 'stmaps'; did you mean stamps\?"):
        made().plugin("stmaps")


def test_a_plugin_that_cannot_be_imported_is_named_with_its_package_and_none_is_registered(install: Install) -> None:
    install("letters", code("letter"))
    install("stamps", "import nowhere_at_all\n")
    app = made()
    with pytest.raises(PluginFailed) as caught:
        app.plugin()
    assert str(caught.value) == (
        "the plugin 'stamps' of headrace-stamps cannot be imported from stamps: "
        "ModuleNotFoundError: No module named 'nowhere_at_all'"
    )
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert app.tasks == {}


def test_a_plugin_that_raises_is_named_with_its_package(install: Install) -> None:
    install("stamps", "def register(app):\n    raise ValueError('no ink')\n")
    with pytest.raises(PluginFailed, match="'stamps' of headrace-stamps failed to register: ValueError: no ink"):
        made().plugin("stamps")


@pytest.mark.parametrize("thing", [ModuleType("empty"), 7])
def test_what_has_no_function_to_register_is_refused(thing: object) -> None:
    with pytest.raises(PluginFailed, match=r"has no function register\(app\)"):
        made().plugin(thing)  # type: ignore[arg-type]


WHOLE = """
def register(app):
    @app.task(name="stamp", queue="post")
    async def stamp() -> str:
        return "stamped"

    @app.handler("parcels")
    async def parcel(job):
        raise ValueError("lost")

    @app.middleware
    async def inked(context, next):
        return f"{await next()} with ink"

    for happening in ("failed", "started", "stopped"):
        app.on(happening)(lambda *news, happening=happening: app.heard.append((happening, *map(str, news[:1]))))
"""


async def test_all_that_an_installed_plugin_registers_works_in_a_worker(install: Install) -> None:
    install("stamps", WHOLE)
    async with made() as app:
        app.heard = heard = list[tuple[str, ...]]()  # type: ignore[attr-defined]
        app.plugin()
        stamp = await app.queue("post").add("stamp")
        parcel = await app.queue("parcels").add("of any name")
        await app.worker().run_until_idle()
        assert await stamp.result(timeout=0) == "stamped with ink"
        assert await parcel.state() == "failed"
    assert [what for what, *_ in heard] == ["started", "failed", "stopped"]
    assert str(parcel.ref) in heard[1][1]
