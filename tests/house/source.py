"""The source as the house rules read it: text and syntax trees, nothing imported."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "headrace"


def files(*suffixes: str, below: str = "") -> list[Path]:
    """Files of the package, in order; none when the folder is not built yet."""
    return sorted(path for path in (PACKAGE / below).rglob("*") if path.suffix in suffixes)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of each thing imported, at any depth of the file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def within(dotted: str, *parents: str) -> bool:
    return any(dotted == parent or dotted.startswith(parent + ".") for parent in parents)


def none(found: list[str], rule: str) -> None:
    """Fail with the rule and every place that breaks it."""
    if found:
        pytest.fail("\n  ".join([rule, *found]), pytrace=False)
