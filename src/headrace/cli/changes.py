"""Which Python files of a project have changed, found by looking at all of them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

FILES_MAX: Final = 20_000
SKIPPED: Final = frozenset({"__pycache__", "node_modules", "site-packages"})
_Stamp: TypeAlias = tuple[int, int]


class Changes:
    """The .py files below a folder, without virtual environments and hidden folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = dict(_stamps(folder))

    def __len__(self) -> int:
        return len(self._seen)

    def look(self) -> list[str]:
        """The files that are new, gone, or changed since the last look, relative to the folder."""
        now = dict(_stamps(self._folder))
        before, self._seen = self._seen, now
        changed = {path for path, stamp in now.items() if before.get(path) != stamp} | (before.keys() - now.keys())
        return sorted(os.path.relpath(path, self._folder) for path in changed)


def _stamps(folder: Path) -> Iterator[tuple[str, _Stamp]]:
    waiting = [str(folder)]
    count = 0
    while waiting and count < FILES_MAX:
        for entry in _entries(waiting.pop()):
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and entry.name not in SKIPPED:
                    waiting.append(entry.path)
            elif entry.name.endswith(".py") and (stamp := _stamp(entry)) is not None:
                count += 1
                yield entry.path, stamp


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing if it is a virtual environment, or gone meanwhile."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return []
    return [] if any(entry.name == "pyvenv.cfg" for entry in found) else found


def _stamp(entry: os.DirEntry[str]) -> _Stamp | None:
    try:
        status = entry.stat()
    except OSError:
        return None  # an editor's temporary file
    return status.st_mtime_ns, status.st_size
