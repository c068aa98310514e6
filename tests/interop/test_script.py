"""How the Lua texts are put together."""

from headrace.storage.redis.script import script


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
    usual, rare = script("fire").text.split("local function rarely(")
    for part in ("function call_off(", "function family_of(", "function leased("):
        assert part not in usual
        assert rare.count(part) == 1
    assert "rare = { leased = leased, family_of = family_of, call_off = call_off }" in rare
    assert "rarely" not in script("claim").text
