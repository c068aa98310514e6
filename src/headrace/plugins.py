"""Plugins: packages that register tasks, handlers, middleware and hooks with an app."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from headrace.core.errors import Misuse

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "headrace.plugins"
REGISTER: Final = "register"

Register: TypeAlias = Callable[[Any], object]
"""What a plugin does with an app."""


class PluginFailed(Misuse):
    """A plugin is not there, cannot be loaded, or has nothing to register with; `package` says whose it is."""

    code = "plugin-failed"
    says = "the plugin {plugin!r} of {package} {problem}"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin that is loaded: its name, the package that it came with, and its function."""

    name: str
    package: str
    register: Register

    def attach(self, app: object) -> None:
        """Let it register what it has; `PluginFailed` if it raises."""
        with _Blamed(self.name, self.package, "failed to register"):
            self.register(app)


def installed() -> "list[EntryPoint]":
    """The plugins that installed packages bring, by name; nothing of them is imported."""
    from importlib.metadata import entry_points  # it takes a while, and most apps have no plugins

    return sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, package_of(entry)))


def package_of(entry: "EntryPoint") -> str:
    """The distribution that an entry point came with."""
    return "an unknown package" if entry.dist is None else entry.dist.name


def load(wanted: "ModuleType | Register | str | None") -> list[Plugin]:
    """The plugins meant: a module or a function itself, an installed one by its name, or all of these for None."""
    if isinstance(wanted, str):
        return [_loaded(entry) for entry in _named(wanted)]
    if wanted is None:
        return [_loaded(entry) for entry in installed()]
    name = wanted.__name__ if isinstance(wanted, ModuleType) else getattr(wanted, "__qualname__", repr(wanted))
    package = name if isinstance(wanted, ModuleType) else str(getattr(wanted, "__module__", "an unknown module"))
    return [_plugin(name, package, wanted)]


def _named(name: str) -> "Iterable[EntryPoint]":
    known = installed()
    found = [entry for entry in known if entry.name == name]
    if not found:
        names = [entry.name for entry in known]
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(names) or 'none'}"
        raise PluginFailed(f"no installed package has a plugin {name!r}; {hint}", plugin=name)
    return found


def _loaded(entry: "EntryPoint") -> Plugin:
    package = package_of(entry)
    with _Blamed(entry.name, package, f"cannot be imported from {entry.value}"):
        found = entry.load()
    return _plugin(entry.name, package, found)


def _plugin(name: str, package: str, found: object) -> Plugin:
    register = getattr(found, REGISTER, None) if isinstance(found, ModuleType) else found
    if not callable(register):
        problem = f"has no function {REGISTER}(app)"
        raise PluginFailed(plugin=name, package=package, problem=problem)
    return Plugin(name, package, register)


class _Blamed:
    """Says of whatever a plugin raises in the block which plugin it was."""

    def __init__(self, name: str, package: str, what: str) -> None:
        self._name, self._package, self._what = name, package, what

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            problem = f"{self._what}: {type(error).__name__}: {error}"
            raise PluginFailed(plugin=self._name, package=self._package, problem=problem) from error
