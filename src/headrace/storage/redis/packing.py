"""Commands as Redis reads them: the number of words, then each word with its length."""

from collections.abc import Sequence
from typing import Final, TypeAlias

Word: TypeAlias = str | bytes | int

SHORT: Final = 256  # bytes; what is shorter has a length that is written already, as that takes longer than the word

_LENGTHS: Final = tuple([b"$%d" % length for length in range(SHORT)])


def packed(*words: Word) -> bytes:
    """One command."""
    return opened(len(words)) + bulk(words)


def opened(count: int) -> bytes:
    """What stands before so many words of one command."""
    return b"*%d\r\n" % count


def bulk(words: Sequence[Word]) -> bytes:
    """Words that follow each other: `ValueError` for a text that is none, `TypeError` for what is no word."""
    parts: list[bytes] = []
    put = parts.append
    for word in words:
        raw = word if type(word) is bytes else _raw(word)
        length = len(raw)
        put(_LENGTHS[length] if length < SHORT else b"$%d" % length)
        put(raw)
    put(b"")
    return b"\r\n".join(parts)


def _raw(word: object) -> bytes:
    if not isinstance(word, str | int):
        raise TypeError(f"{word!r} is no word of a command")
    return str(word).encode()
