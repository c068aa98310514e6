"""The root of all commands: frozen values that say everything a store can be asked to do."""

from typing import Generic, TypeVar

from msgspec import Struct

R = TypeVar("R")


class Command(Struct, Generic[R], frozen=True, tag=True):
    """A request to a store, answered by an `R`, or by a `Refused` as a value."""
