"""How the Lua texts are put together."""

import re
from importlib import resources

import pytest

from headrace.storage.redis.calls import SCRIPTS
from headrace.storage.redis.script import PACKAGE, script

RARE = re.compile(r"\nlocal rare\n.*?\n  return rare\[name\]\nend", re.DOTALL)
QUOTED = re.compile(r"'[^'\n]*'|--.*")
DECLARED = re.compile(r"\b(?:local|for) (\w+(?:, \w+)*)")
FUNCTION = re.compile(r"\bfunction (\w+)")
GIVEN = re.compile(r"\bfunction ?\w*\(([^)]*)\)")
WORD = re.compile(r"(?<![.\w:])[A-Za-z_]\w*")


def names_in(text: str) -> set[str]:
    """What is declared somewhere in a text."""
    groups = [*DECLARED.findall(text), *FUNCTION.findall(text), *GIVEN.findall(text)]
    return {name.strip() for group in groups for name in group.split(",")}


def shared_names() -> set[str]:
    texts = (resources.files(PACKAGE) / "shared").iterdir()
    return {name for text in texts for name in re.findall(r"(?m)^local (?:function )?(\w+)", text.read_text("utf-8"))}


def test_a_shared_text_comes_once_and_after_what_it_uses() -> None:
    text = script("fire").text
    parts = ["function queue_key(", "function know(", "function wake(", "function push_back(", "function store_job("]
    assert [text.count(part) for part in parts] == [1] * len(parts)
    assert sorted(parts, key=text.index) == parts


def test_it_keeps_to_itself_what_nobody_else_uses() -> None:
    text = script("add").text
    assert "local function is_closed(" in text
    assert "local function wake(" not in text
    assert text.index("local woken") < text.index("\nwoken = {}")


def test_what_is_needed_rarely_is_made_when_it_is_asked_for() -> None:
    usual, rare = script("fire").text.split("\nfunction rarely(")
    for part in ("function call_off(", "function family_of(", "function leased("):
        assert part not in usual
        assert rare.count(part) == 1
    assert all(f" {name} = {name}" in rare for name in ("call_off", "family_of", "leased", "arrange", "watch_deadline"))
    assert "rarely" not in script("renew").text


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_what_a_script_uses_plainly_is_there_from_the_start(name: str) -> None:
    text = QUOTED.sub("''", RARE.sub("", script(name).text))
    assert set(WORD.findall(text)) & shared_names() <= names_in(text)
