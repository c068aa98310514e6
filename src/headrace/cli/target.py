"""APP on the command line: `module:attribute`, found from the working directory on."""

import importlib
import os
import sys
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Annotated, Final, TypeAlias

from cyclopts import Parameter

from headrace.app import App
from headrace.cli.failure import Exit, Stop, meant

URL: Final = "HEADRACE_URL"

Target: TypeAlias = Annotated[str, Parameter(name="APP", help="The app, as module:attribute.")]


def load(target: str, url: str | None) -> App:
    """The app that APP names, on the store at `url` if there is one."""
    module_name, sign, path = target.partition(":")
    if module_name.endswith(".py") or "/" in module_name or not (module_name and sign and path):
        guess = module_name.removesuffix(".py").strip("./").replace("/", ".") or "jobs"
        raise Stop(f"{target!r} names no app; write module:attribute, for instance {guess}:{path or 'app'}")
    if url:
        os.environ[URL] = url  # the app's own settings read it, while it is imported
    found: object = _module(module_name)
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise _no_attribute(target, found, name) from None
    if not isinstance(found, App):
        raise Stop(f"{target} is of the type {type(found).__name__}; it must be a headrace.App", "no-such-app")
    if url and found.settings.url != url:
        raise Stop(f"{target} names its own store in the code, so --url cannot choose another")
    return found


def _module(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise  # the module is there, and misses another one
        *above, last = missing.split(".")
        folder = Path.cwd().joinpath(*above)
        hint = meant(last, _modules(folder)) if get_close_matches(last, _modules(folder), n=1) else ""
        raise Stop(f"there is no module {missing!r} in {folder}{hint}", "no-such-app", Exit.NOT_FOUND) from None


def _modules(folder: Path) -> list[str]:
    entries = folder.iterdir() if folder.is_dir() else ()
    return [entry.stem for entry in entries if entry.suffix == ".py" or (entry / "__init__.py").is_file()]


def _no_attribute(target: str, found: object, name: str) -> Stop:
    apps = (
        [known for known, value in vars(found).items() if isinstance(value, App)] if hasattr(found, "__dict__") else []
    )
    where = getattr(found, "__name__", type(found).__name__)
    hint = meant(name, apps) if apps else "; there is no headrace.App in it"
    return Stop(f"{target}: {where} has no {name!r}{hint}", "no-such-app", Exit.NOT_FOUND)
