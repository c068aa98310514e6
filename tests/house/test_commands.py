"""A command has one home in each place that must know it, all under its own name in snake_case."""

import ast
import importlib
import pkgutil
import re
from functools import cache

import pytest

from tests.house.source import PACKAGE, ROOT, files, name, none, tree

STORAGE = PACKAGE / "storage"


def snake(class_name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name).lower()


@cache
def commands() -> list[str]:
    """The names of all commands: whatever derives from Command in a module of headrace.core.commands."""
    package = importlib.import_module("headrace.core.commands")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    root = importlib.import_module("headrace.core.commands.command").Command
    found: dict[str, None] = {}
    waiting: list[type] = root.__subclasses__()
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("headrace.core.commands.") and not kind.__name__.startswith("_"):
            found[snake(kind.__name__)] = None
    return sorted(found)


def complete() -> frozenset[str]:
    return frozenset(importlib.import_module("headrace.storage").COMPLETE)


@cache
def memory_functions() -> frozenset[str]:
    top = (node for path in files(".py", below="storage/memory") for node in tree(path).body)
    return frozenset(node.name for node in top if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def missing_homes(engine: str) -> list[str]:
    if engine == "memory":
        return [f"storage/memory: def {command}" for command in commands() if command not in memory_functions()]
    if engine == "redis":
        homes = {command: [STORAGE / f"redis/commands/{command}.lua"] for command in commands()}
    else:
        texts = ("{}.sql", f"{{}}.{engine}.sql")
        homes = {command: [STORAGE / "sql/commands" / text.format(command) for text in texts] for command in commands()}
    return [" or ".join(map(name, paths)) for paths in homes.values() if not any(path.exists() for path in paths)]


def test_there_are_commands_and_engines() -> None:
    assert commands(), "headrace.core.commands has no class that derives from Command"
    assert complete() <= {"memory", "sqlite", "postgres", "redis"}


@pytest.mark.parametrize("engine", ["memory", "sqlite", "postgres", "redis"])
def test_a_complete_engine_knows_every_command(engine: str) -> None:
    if engine not in complete():
        pytest.skip(f"headrace.storage.COMPLETE does not list {engine} yet")
    none(missing_homes(engine), f"{engine} is said to be complete, but has no")


def test_every_command_has_conformance_tests() -> None:
    if not complete():
        pytest.skip("headrace.storage.COMPLETE is empty: no engine to test")
    homes = [ROOT / f"tests/conformance/test_{command}.py" for command in commands()]
    none(
        [name(path) for path in homes if not path.exists()],
        "Each command has a file of conformance tests, but there is no",
    )


def test_no_text_stands_in_a_command_folder_without_its_command() -> None:
    """A misspelt file would otherwise be a command that nobody runs. `turn.*` is Settle and Claim fused.

    `advance` is what Claim leaves to be done for BullMQ's job schedulers.
    """
    texts = [*files(".sql", below="storage/sql/commands"), *files(".lua", below="storage/redis/commands")]
    known = {*commands(), "turn", "advance"}
    none([name(path) for path in texts if path.name.split(".")[0] not in known], "There is no command for")
