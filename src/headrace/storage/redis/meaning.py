"""What an error of Redis's means for who asked, and for the connection that it came by.

All errors here are said before anything of a command is done: Redis looks at its state when a script begins or at its
first write, and that does not change while a script runs. Every other error is passed on as it is.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct

Deed: TypeAlias = Literal["load", "elsewhere", "wait"]
"""What helps: to load the scripts again, to find the server that takes commands now, or nothing but time."""


class Meaning(Struct, frozen=True):
    """What is to be said of an error, and what helps."""

    says: str
    deed: Deed = "wait"


_REFUSED: Final = "the server wants a user and password; write them into the URL: redis://user:password@host"
_KNOWN: Final[Mapping[str, Meaning]] = {
    "MOVED": Meaning("the keys are on another node of the cluster", "elsewhere"),
    "READONLY": Meaning("the server is a replica and takes no writes; name the primary, or Sentinels", "elsewhere"),
    "UNBLOCKED": Meaning("the server has become a replica", "elsewhere"),
    "MASTERDOWN": Meaning("the server is a replica that has lost its primary", "elsewhere"),
    "CLUSTERDOWN": Meaning("the cluster does not serve all keys now; see CLUSTER INFO", "elsewhere"),
    # A script needs all keys of the store on one node. So none begins while they move; see `Keys.nothing`.
    "ASK": Meaning("the keys are moving to another node of the cluster"),
    "TRYAGAIN": Meaning("the keys are moving to another node of the cluster"),
    "LOADING": Meaning("the server has been started and is still loading its data"),
    "BUSY": Meaning("the server runs a script of somebody that takes long; FUNCTION KILL or SCRIPT KILL may end it"),
    "NOREPLICAS": Meaning("too few replicas are connected for its min-replicas-to-write"),
    "MISCONF": Meaning("the server cannot save to its disk and takes no writes; its log says why"),
    "WRONGPASS": Meaning("the user or the password is wrong, or the user is switched off (WRONGPASS)"),
    "NOAUTH": Meaning(_REFUSED),
}
_OLD: Final = re.compile(r"ERR unknown command .FUNCTION\b")
_DENIED: Final = re.compile(r"\bNOPERM\b|ACL failure in script|has no permissions to")


def meaning(problem: str) -> Meaning:
    """What an error says, by its first word; one of a script's command has it after some of the script's."""
    found = _KNOWN.get(problem.partition(" ")[0])
    if found is not None:
        return found
    if _OLD.match(problem):
        return Meaning("the server knows no functions; Headrace needs Redis 7 or Valkey")
    if problem == "ERR Function not found":
        return Meaning("it forgets the functions as soon as they are loaded", "load")
    if _DENIED.search(problem):
        return Meaning(f"the user lacks a permission ({problem}); it needs those of docs/howto/redis-connections.md")
    for word in ("READONLY", "MISCONF", "NOREPLICAS", "MASTERDOWN"):
        if f"{word} " in problem:
            return _KNOWN[word]
    return Meaning(problem)


def place_of(problem: str) -> tuple[str, int] | None:
    """Where a MOVED points: `MOVED <slot> <host>:<port>`; the host is empty if it is the one that was asked."""
    words = problem.split()
    if len(words) != 3 or words[0] != "MOVED":
        return None
    host, _, port = words[2].rpartition(":")
    return host.strip("[]"), int(port)
