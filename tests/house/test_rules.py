"""The house rules that a syntax tree can show. Floors and cycles are import-linter's, in pyproject.toml."""

import ast

from tests.house.source import PACKAGE, files, imports, name, none, tree, within

WORLD = ("asyncio", "os", "random", "secrets", "socket", "subprocess", "threading", "time")
CLOCKS_AND_CHANCE = {"now", "today", "utcnow", "uuid1", "uuid4"}
EXECUTES_DATA = ("cloudpickle", "dill", "marshal", "pickle", "shelve", "yaml")
REPORTS_EVERY_ERROR = {"src/headrace/engine/ticker.py", "src/headrace/engine/runner.py"}


def test_core_knows_no_world() -> None:
    found = [
        f"{name(path)}:{line} imports {module}"
        for path in files(".py", below="core")
        for line, module in imports(path)
        if within(module, *WORLD)
    ]
    none(found, "core does no I/O and knows no clock and no chance")


def test_core_gets_time_and_chance_as_arguments() -> None:
    found = [
        f"{name(path)}:{node.lineno} calls {node.func.attr}()"
        for path in files(".py", below="core")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS_AND_CHANCE
    ]
    none(found, "core takes time and chance as arguments")


def test_no_type_is_imported_behind_the_back_of_a_floor() -> None:
    """A need for TYPE_CHECKING in core or storage means that a module is a floor too low."""
    lower = [*files(".py", below="core"), *files(".py", below="storage")]
    found = [name(path) for path in lower if "TYPE_CHECKING" in path.read_text(encoding="utf-8")]
    none(found, "No TYPE_CHECKING in core and storage")


def test_engines_are_known_behind_the_door_of_storage_only() -> None:
    found = [
        f"{name(path)}:{line} imports {module}"
        for path in files(".py")
        if PACKAGE / "storage" not in path.parents
        for line, module in imports(path)
        if within(module, *(f"headrace.storage.{engine}" for engine in engines()))
    ]
    none(found, "Above storage only `headrace.storage` and its protocol are known")


def engines() -> list[str]:
    entries = (PACKAGE / "storage").glob("*")
    return [path.stem for path in entries if path.stem not in {"__init__", "__pycache__", "protocol"}]


def test_what_is_caught_is_named() -> None:
    """`except Exception` stands in two modules, which report; `except BaseException` may clean up and raise on."""
    found = [
        f"{name(path)}:{node.lineno}"
        for path in files(".py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and catches_everything(node) and name(path) not in REPORTS_EVERY_ERROR
    ]
    none(found, "Name what you catch; everything is caught in ticker.py and runner.py only")


def catches_everything(node: ast.ExceptHandler) -> bool:
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    names = {kind.id for kind in kinds if isinstance(kind, ast.Name)}
    last = node.body[-1]
    raises_on = isinstance(last, ast.Raise) and last.exc is None
    return node.type is None or "Exception" in names or ("BaseException" in names and not raises_on)


def test_data_is_never_executed() -> None:
    none([*imported_executors(), *called_executors()], "Data is never executed")


def imported_executors() -> list[str]:
    return [
        f"{name(path)}:{line} imports {module}"
        for path in files(".py")
        for line, module in imports(path)
        if within(module, *EXECUTES_DATA)
    ]


def called_executors() -> list[str]:
    return [
        f"{name(path)}:{node.lineno} calls {node.func.id}()"
        for path in files(".py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}
    ]
