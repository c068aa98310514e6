"""How the libraries of functions are put together."""

import re
from importlib import resources

import pytest

from headrace.storage.redis.calls import SCRIPTS
from headrace.storage.redis.script import PACKAGE, TOGETHER, _numbers, _piece, library, script

QUOTED = re.compile(r"'[^'\n]*'|--.*")
DECLARED = re.compile(r"\b(?:local|for) (\w+(?:, \w+)*)")
FUNCTION = re.compile(r"\bfunction (\w+)")
GIVEN = re.compile(r"\bfunction ?[\w.]*\(([^)]*)\)")
WORD = re.compile(r"(?<![.\w:])[A-Za-z_]\w*\b(?! = )")  # not the fields of a table
KEPT = re.compile(r"(anew|begins)\[#\1 \+ 1\] = function\(\)\n(.*?)\nend\n", re.DOTALL)


def names_in(text: str) -> set[str]:
    """What is declared somewhere in a text."""
    groups = [*DECLARED.findall(text), *FUNCTION.findall(text), *GIVEN.findall(text)]
    return {name.strip() for group in groups for name in group.split(",")}


def shared_names() -> set[str]:
    texts = (resources.files(PACKAGE) / "shared").iterdir()
    return {name for text in texts for name in re.findall(r"(?m)^local (?:function )?(\w+)", text.read_text("utf-8"))}


def test_a_shared_text_comes_once_and_after_what_it_uses() -> None:
    text = library("fire").text
    parts = ["function queue_key(", "function know(", "function wake(", "function push_back(", "function store_job("]
    assert [text.count(part) for part in parts] == [1] * len(parts)
    assert sorted(parts, key=text.index) == parts


def test_it_keeps_to_itself_what_nobody_else_uses() -> None:
    lines = library("add").text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("local run_add"))
    declared, blocks = lines[first].removeprefix("local ").split(", "), lines[first + 1 :]
    assert "wake" in declared
    assert "woken" in declared
    assert "is_closed" not in declared
    assert any(line.startswith("local ") and "is_closed" in line for line in blocks)


def test_functions_and_constants_are_made_once_and_the_rest_in_each_call() -> None:
    text = library("work").text
    begun = "\n".join(statements for where, statements in KEPT.findall(text) if where == "begins")
    anew = "\n".join(statements for where, statements in KEPT.findall(text) if where == "anew")
    assert "if next(woken) ~= nil then woken = emptied(woken) end" in begun
    assert "instant = nil" in begun
    assert "DEADLINES = ARGV[1]" in anew  # in capitals, but of a prefix
    run = text.partition("function run_claim(ARGV, before, is_turn)\n")[2]
    for part in ("MORE = { 'atm'", "function serve("):
        assert text.count(part) == 1
        assert part not in begun + run
    assert "now = clock(ARGV[2])" in run


def test_a_constant_that_is_a_number_stands_where_its_name_was() -> None:
    text = library("work").text
    assert "'LIMIT', 0, 1000)" in text  # PROMOTED_MAX of claim, whose own names come before shared ones
    assert "unpack(MORE)" in text  # there a list; in shared/outcome a number
    assert "settlement[7] or NO_MORE" in text
    assert not re.search(r"\b(?:PROMOTED_MAX|FIRST_JOB)\b", text)


def test_a_number_that_two_texts_declare_for_a_third_is_refused() -> None:
    one, other, third = (_piece(f"local {text}\n") for text in ("LEAST = 1", "LEAST = 2", "found = LEAST"))
    assert _numbers([one, other], [one, other]) == {}
    assert _numbers([one], [one, third]) == {"LEAST": "1"}
    with pytest.raises(AssertionError, match="LEAST"):
        _numbers([one, other], [one, other, third])


def test_what_is_in_a_library_is_part_of_its_name() -> None:
    text, name = library("add").text, script("add").name
    assert re.fullmatch(r"headrace_add_[0-9a-f]{16}", name)
    assert text.startswith(f"#!lua name={name}\n")
    assert f"function_name = '{name}'" in text


def test_commands_that_share_pieces_are_one_library() -> None:
    text = library("work").text
    assert {script(command).library for command in TOGETHER["work"]} == {"work"}
    assert text.startswith(f"#!lua name=headrace_work_{library('work').digest}\n")
    assert all(f"function_name = '{script(command).name}'" in text for command in TOGETHER["work"])
    assert text.count("function wake(") == 1


def test_a_server_whose_memory_is_full_goes_on_with_what_it_has() -> None:
    flags = dict(re.findall(r"function_name = 'headrace_(\w+)_\w+', flags = \{ (\S*) \}", library("work").text))
    assert flags == dict.fromkeys(TOGETHER["work"], "'allow-oom'")
    assert "flags = { 'no-writes' }" in library("look").text
    assert "flags = {  }" in library("add").text


@pytest.mark.parametrize("name", sorted({script(command).library for command in SCRIPTS}))
def test_what_a_library_uses_is_in_it(name: str) -> None:
    text = QUOTED.sub("''", library(name).text)
    assert set(WORD.findall(text)) & shared_names() <= names_in(text)


def test_a_function_of_what_is_run_by_another_looks_only_at_what_both_are_given() -> None:
    run = re.compile(r"^function run_\w+\(ARGV, before, is_turn\)\n.*?^end$", re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"ARGV\[(\d+)\]", run.sub("", library("work").text))) <= {"1", "2"}
