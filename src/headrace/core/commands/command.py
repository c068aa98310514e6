"""The root of all commands: frozen values that say everything a store can be asked to do."""

from typing import Generic, TypeVar

from msgspec import Struct

R_co = TypeVar("R_co", covariant=True)


class Command(Struct, Generic[R_co], frozen=True, tag=True):
    """A request to a store, answered by its reply, or by a `Refused` as a value."""
