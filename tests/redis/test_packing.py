"""What is sent is what a Redis client in C would send."""

from typing import Any

import hiredis
import pytest

from headrace.storage.redis.packing import SHORT, packed


@pytest.mark.parametrize("length", [0, 1, SHORT - 1, SHORT, SHORT + 1, 100_000])
def test_a_word_of_any_length_is_packed(length: int) -> None:
    assert packed("SET", b"x" * length) == hiredis.pack_command(("SET", b"x" * length))


def test_texts_and_numbers_are_packed() -> None:
    words = "ECHO", "größer", 0, -12, 1 << 40, b"\x00\xff\r\n"
    assert packed(*words) == hiredis.pack_command(words)


def test_a_text_that_has_no_bytes_is_an_error() -> None:
    with pytest.raises(UnicodeEncodeError):
        packed("ECHO", "\ud800")


@pytest.mark.parametrize("word", [None, 1.5, ["a"]])
def test_what_is_no_word_is_an_error_and_not_sent_as_text(word: Any) -> None:
    with pytest.raises(TypeError, match="no word of a command"):
        packed("ECHO", word)
