"""Jobs in the order of a key. Taking the first and adding the last are cheap; the middle costs a move of pointers."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Final, Generic, TypeAlias, TypeVar

Key: TypeAlias = tuple[int, int]
T = TypeVar("T")

SLACK: Final = 1_000  # taken keys at the head that may wait for their removal


class Ordered(Generic[T]):
    """A dictionary sorted by its keys, which are unique."""

    def __init__(self) -> None:
        self._items: dict[Key, T] = {}
        self._keys: list[Key] = []
        self._head = 0  # keys before it are taken

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return self.after(None)

    def put(self, key: Key, item: T) -> None:
        self._items[key] = item
        if not self._keys or key > self._keys[-1]:
            self._keys.append(key)
        elif self._head and key < self._keys[self._head]:
            self._head -= 1
            self._keys[self._head] = key
        else:
            insort(self._keys, key, self._head)

    def take(self, key: Key) -> T:
        place = bisect_left(self._keys, key, self._head)
        if place == self._head:
            self._head += 1
        else:
            del self._keys[place]
        if self._head == len(self._keys) or (self._head > SLACK and 2 * self._head > len(self._keys)):
            del self._keys[: self._head]
            self._head = 0
        return self._items.pop(key)

    def after(self, key: Key | None) -> Iterator[T]:
        """Items whose key is greater, smallest first; all if there is no key."""
        place = self._head if key is None else bisect_right(self._keys, key, self._head)
        return (self._items[self._keys[i]] for i in range(place, len(self._keys)))

    def before(self, key: Key | None) -> Iterator[T]:
        """Items whose key is smaller, greatest first; all if there is no key."""
        place = len(self._keys) if key is None else bisect_left(self._keys, key, self._head)
        return (self._items[self._keys[i]] for i in range(place - 1, self._head - 1, -1))
