"""A clock that all processes of a test see, and that the test sets forward and back under them."""

import mmap
import os
import struct
import time
from pathlib import Path

VARIABLE = "HEADRACE_TEST_CLOCK"
"""Names the file of the clock to the processes that are to go by it."""


class TowerClock:
    """The clock of the host, and by how much it was set, which lies in a file."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(struct.pack("q", 0))
        with file.open("r+b") as opened:
            self._ahead = mmap.mmap(opened.fileno(), struct.calcsize("q"))

    def __call__(self) -> int:
        (ahead,) = struct.unpack("q", self._ahead[:])
        return time.time_ns() // 1_000_000 + int(ahead)

    def set(self, by_ms: int) -> None:
        """Set it forward, or back if negative, for everybody at once."""
        (ahead,) = struct.unpack("q", self._ahead[:])
        self._ahead[:] = struct.pack("q", ahead + by_ms)


def told() -> TowerClock | None:
    """The clock that this process was told to go by, if any."""
    file = os.environ.get(VARIABLE)
    return TowerClock(Path(file)) if file else None
