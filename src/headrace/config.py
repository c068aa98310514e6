"""Where settings come from: `headrace.toml` or `[tool.headrace]`, then `HEADRACE_*`, then arguments.

The file is the nearest one from the working directory upwards; its folder is the home of `headrace.db`, the store of
an app that names none. A relative SQLite path in the file starts at the file, so that every process of a project means
the same database wherever it was started.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import structs

from headrace.core.settings import Layer, Resolved, Settings, bad_config, resolve

FILE: Final = "headrace.toml"
PROJECT: Final = "pyproject.toml"
VARIABLE: Final = "HEADRACE_"
LEFT_ALONE: Final = "HEADRACE_TEST_"
DATABASE: Final = "headrace.db"
FILE_MAX: Final = 1 << 20  # bytes
_SQLITE: Final = "sqlite:///"


class Found(NamedTuple):
    """The project's folder, and the layer its settings file makes, if it has one."""

    folder: Path
    layer: Layer | None


def load(
    arguments: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    start: Path | None = None,
) -> Resolved:
    """The settings of this process, each with its origin: `BadConfig` lists everything that is wrong."""
    given = _given(**(arguments or {}))
    found = search(Path.cwd() if start is None else start)
    default: Layer = ("default", {"url": f"{_SQLITE}{found.folder / DATABASE}"})
    variables = from_environment(os.environ if environ is None else environ)
    layers = [default, *([found.layer] if found.layer else []), *variables, ("argument", given)]
    return resolve(layers)


def settle(settings: Settings | Mapping[str, object] | None, *, url: str | None, prefix: str | None) -> Resolved:
    """The settings of an app: these alone when they are `Settings`, else these over environment and file."""
    if not isinstance(settings, Settings):
        return load({**(settings or {}), **_given(url=url, prefix=prefix)})
    home = {} if url or settings.url else {"url": f"{_SQLITE}{search(Path.cwd()).folder / DATABASE}"}
    whole = structs.replace(settings, **home, **_given(url=url, prefix=prefix))
    return Resolved(whole, dict.fromkeys((setting.key for setting in Resolved(whole, {}).describe()), "argument"))


def search(start: Path) -> Found:
    """The nearest settings file from `start` upwards; without one the nearest project, or `start` itself."""
    start = start.resolve()
    project: Path | None = None
    for folder in (start, *start.parents):
        own, shared = _table(folder / FILE), _table(folder / PROJECT)
        tool = _tool(folder / PROJECT, shared)
        if own is not None and tool is not None:
            raise bad_config([f"{folder} has both {FILE} and [tool.headrace] in {PROJECT}; keep one"])
        if own is not None:
            return Found(folder, (str(folder / FILE), _anchored(own, folder)))
        if tool is not None:
            return Found(folder, (f"{folder / PROJECT} [tool.headrace]", _anchored(tool, folder)))
        project = project or (folder if shared is not None else None)
    return Found(project or start, None)


def from_environment(environ: Mapping[str, str]) -> Iterator[Layer]:
    """A layer for each variable that is ours and not empty; `__` goes one level down."""
    for variable in sorted(environ):
        if variable.startswith(VARIABLE) and not variable.startswith(LEFT_ALONE) and environ[variable]:
            *above, last = variable.removeprefix(VARIABLE).lower().split("__")
            layer: dict[str, Any] = {last: environ[variable]}
            for name in reversed(above):
                layer = {name: layer}
            yield variable, layer


def _given(**values: object) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _table(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            text = file.read(FILE_MAX + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if not os.access(path.parent, os.X_OK):
            return None  # a folder above us that is closed to us has nothing to say
        raise bad_config([f"{path} cannot be read: {error.strerror}"]) from None
    if len(text) > FILE_MAX:
        raise bad_config([f"{path} is larger than {FILE_MAX} bytes"])
    import tomllib  # most processes of most projects have no such file in their way

    try:
        return tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise bad_config([f"{path} is no TOML: {error}"]) from None


def _tool(path: Path, table: Mapping[str, Any] | None) -> dict[str, Any] | None:
    tool = (table or {}).get("tool", {})
    ours = tool.get("headrace") if isinstance(tool, dict) else None
    if ours is not None and not isinstance(ours, dict):
        raise bad_config([f"{path}: tool.headrace must be a table"])
    return ours


def _anchored(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    url = table.get("url")
    if isinstance(url, str) and url.startswith(_SQLITE) and not url.removeprefix(_SQLITE).startswith(("/", ":")):
        return table | {"url": f"{_SQLITE}{folder / url.removeprefix(_SQLITE)}"}
    return table
