"""Small files, short functions, names that say something. There is no list of exceptions, and there will be none."""

import ast

from tests.house.source import PACKAGE, files, name, none, tree

LINES_MAX = 300
FUNCTION_LINES_MAX = 60
EMPTY_NAMES = {
    "base",
    "common",
    "handler",
    "handlers",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "util",
    "utils",
}


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files(".py", ".sql", ".lua")}
    long = [f"{path}: {length}" for path, length in lengths.items() if length > LINES_MAX]
    none(long, f"A file has at most {LINES_MAX} lines; split it where its subjects part")


def test_no_function_is_longer_than_60_lines() -> None:
    long = [
        f"{name(path)}:{node.lineno} {node.name}: {length}"
        for path in files(".py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    none(long, f"A function has at most {FUNCTION_LINES_MAX} lines")


def test_no_module_has_a_name_that_fits_everything() -> None:
    parts = {
        name(path): {path.name.split(".")[0], *path.relative_to(PACKAGE).parts} for path in files(".py", ".sql", ".lua")
    }
    none([path for path, words in parts.items() if words & EMPTY_NAMES], "A module is named for its subject")
