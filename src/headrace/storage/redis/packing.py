"""Commands as Redis reads them: the number of words, then each word with its length."""

from collections.abc import Sequence
from typing import Final, TypeAlias

Word: TypeAlias = str | bytes | int

_LENGTHS: Final = tuple([b"$%d" % length for length in range(256)])  # to write a number takes longer than a short word


def packed(*words: Word) -> bytes:
    """One command."""
    return opened(len(words)) + bulk(words)


def opened(count: int) -> bytes:
    """What stands before so many words of one command."""
    return b"*%d\r\n" % count


def bulk(words: Sequence[Word]) -> bytes:
    """Words that follow each other: `ValueError` for a text that is none."""
    parts: list[bytes] = []
    for word in words:
        raw = word if type(word) is bytes else str(word).encode()
        length = len(raw)
        parts.append(_LENGTHS[length] if length < 256 else b"$%d" % length)
        parts.append(raw)
    parts.append(b"")
    return b"\r\n".join(parts)
