"""Where a child process finds an app and its tasks: by the names under which this process has imported them."""

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, Final

from headrace.core.errors import NotImportable
from headrace.engine.registry import Handler
from headrace.executors.messages import Setup

_MAIN: Final = "__main__"
_HINT: Final = "move it into a module, and start the worker with `headrace worker MODULE:APP`"


def check_importable(task: str, function: Callable[..., Any]) -> None:
    """`NotImportable` for a function that no other process can find, because another function made it."""
    if "<locals>" in function.__qualname__:
        raise NotImportable(
            task=task, problem=f"{function.__qualname__} is made inside a function; define it at the top of a module"
        )


def place_of(app: object, handlers: Iterable[Handler]) -> Setup:
    """How a child loads this app with these handlers: `NotImportable` if it cannot."""
    served = tuple(handlers)
    modules = tuple(dict.fromkeys(_module_of(handler) for handler in served))
    name = _name_of(app, modules)
    if name is None:
        problem = "its app has no name at the top of a module; write app = headrace.App(…) there"
        raise NotImportable(task=served[0].title, problem=problem)
    tasks = tuple((handler.queue, handler.name) for handler in served)
    return Setup(tuple(sys.path), modules, name, tasks)


def _module_of(handler: Handler) -> str:
    module = str(handler.function.__module__)
    if module == _MAIN or module not in sys.modules:
        problem = f"it is defined in {module}, which cannot be imported there; {_HINT}"
        raise NotImportable(task=handler.title, problem=problem)
    return module


def _name_of(app: object, near: Iterable[str]) -> str | None:
    """`module:attribute` of the app, in one of the modules nearby if it can be."""
    loaded = sys.modules.copy()
    for module in dict.fromkeys((*near, *loaded)):
        found = loaded.get(module)
        if module != _MAIN and isinstance(found, ModuleType):
            for name, value in vars(found).copy().items():
                if value is app:
                    return f"{module}:{name}"
    return None
