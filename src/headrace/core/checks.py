"""What `headrace doctor` looks for: facts that others gather, and a small function for each thing that can be wrong.

A check answers with a verdict, a sentence, and what to do.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from headrace.core.commands import QueueRecord, WorkerRecord
from headrace.core.jobs import JobRecord, JobRef
from headrace.core.schedules import ScheduleRecord

DISK_FAIL: Final = 100 << 20  # bytes free, beside the file
DISK_WARN: Final = 1 << 30
WAL_WARN: Final = 256 << 20  # bytes; a log so long is read by every claim, and was not moved into the file
WAL_FAIL: Final = 2 << 30
CLOCK_MS: Final = 1_000  # what instants may differ by
OLD_MS: Final = 3_600_000  # a ready job that nobody took for so long
LATE_MS: Final = 15_000  # a janitor gives back what is overdue long before
REMOTE: Final = frozenset(
    "9p afs beegfs ceph cifs fuse.glusterfs fuse.s3fs fuse.sshfs lustre ncpfs nfs nfs4 smb3 smbfs".split()
)

Verdict: TypeAlias = Literal["ok", "warn", "fail"]


class Found(Struct, frozen=True):
    """What a check says: a verdict, a sentence, and what to do unless all is well."""

    check: str
    verdict: Verdict
    says: str
    advice: str = ""


class FileFacts(Struct, frozen=True):
    """The file of a store and the place where it is; sizes in bytes. `problem` says why it could not be read."""

    path: str
    sqlite: tuple[int, ...]
    sqlite_safe: tuple[int, ...]
    is_writable: bool
    file_system: str
    free: int
    size: int
    wal: int
    schema_known: int
    journal: str = ""
    schema: int = 0
    is_ours: bool = True
    is_held: bool = False  # another program has locked it
    faults: tuple[str, ...] = ()
    is_checked: bool = True  # False: there was no time to look at all of it
    janitor_until: int | None = None
    problem: str = ""


class Stall(Struct, frozen=True):
    """A parent that waits for a child which failed and was to be waited for."""

    parent: JobRef
    child: JobRef


class StoreFacts(Struct, frozen=True):
    """What the store says, all at about `now`; `drift_ms` is by how much the clock was set while it was asked."""

    now: int
    drift_ms: int
    latest: int  # the newest instant that somebody stored: an event or a heartbeat
    queues: tuple[QueueRecord, ...]
    workers: tuple[WorkerRecord, ...]
    next: Mapping[str, tuple[JobRecord, ...]]  # some ready jobs of each queue
    overdue: tuple[JobRecord, ...]  # active jobs whose lease ends first
    stalls: tuple[Stall, ...]
    schedules: tuple[ScheduleRecord, ...]
    unfinished: frozenset[JobRef]  # last jobs of schedules, of those that mind


FileCheck: TypeAlias = Callable[[FileFacts], tuple[Verdict, str, str]]
StoreCheck: TypeAlias = Callable[[StoreFacts], tuple[Verdict, str, str]]


def sqlite(file: FileFacts) -> tuple[Verdict, str, str]:
    """Whether the SQLite in use is one that is safe with several processes."""
    version, safe = (".".join(map(str, number)) for number in (file.sqlite, file.sqlite_safe))
    if file.sqlite < file.sqlite_safe:
        return "fail", f"SQLite is {version}; before {safe} it can spoil a file", "pip install --upgrade apsw"
    return "ok", f"SQLite is {version}", ""


def directory(file: FileFacts) -> tuple[Verdict, str, str]:
    """Whether the file, and those beside it, can be written."""
    if not file.is_writable:
        return "fail", "the file or its directory is not writable", "give this user the right to write to both"
    return "ok", "the file and its directory are writable", ""


def local(file: FileFacts) -> tuple[Verdict, str, str]:
    """Whether the file is on a disk of this machine: others do not lock as SQLite needs it."""
    if file.file_system in REMOTE:
        advice = "move the file to a disk of the machine on which its processes run"
        return "fail", f"the file is on a network file system ({file.file_system})", advice
    return "ok", f"the file system is {file.file_system or 'unknown here'}", ""


def disk(file: FileFacts) -> tuple[Verdict, str, str]:
    """Whether there is room."""
    verdict: Verdict = "fail" if file.free < DISK_FAIL else "warn" if file.free < DISK_WARN else "ok"
    advice = "make room: adds are refused when the disk is full"
    return verdict, f"{size(file.free)} are free on the disk", "" if verdict == "ok" else advice


def schema(file: FileFacts) -> tuple[Verdict, str, str]:
    """Whether the file can be read, is ours, and has the schema of this Headrace."""
    if file.is_held:
        said = "another program holds the file locked"
        return "fail", said, "end what has it open by itself, a shell or a backup, and ask again"
    if file.problem:
        return "fail", f"the file cannot be read: {file.problem}", "restore a copy of it, or name another with --url"
    if not file.is_ours:
        return "fail", "it is another program's database", "name another file with --url"
    if file.schema > file.schema_known:
        said = f"its schema {file.schema} is newer than {file.schema_known}, which this Headrace knows"
        return "fail", said, "pip install --upgrade headrace"
    if not file.schema:
        return "warn", "the file is empty", "add a job, or start a worker: either makes it a store"
    if file.schema < file.schema_known:
        said = f"its schema is {file.schema}, this Headrace makes it {file.schema_known}"
        return "warn", said, "upgrade all processes of the project, then start one"
    return "ok", f"the schema is {file.schema}", ""


def journal(file: FileFacts) -> tuple[Verdict, str, str]:
    """Whether readers and the writer can work at the same time."""
    if file.journal != "wal":
        advice = "some program has changed it; whoever opens the store sets it again: headrace queues list"
        return "warn", f"the journal mode is {file.journal or 'unknown'}, not wal", advice
    return "ok", "the journal mode is wal", ""


def wal(file: FileFacts) -> tuple[Verdict, str, str]:
    """Whether the write-ahead log is moved into the file."""
    verdict: Verdict = "fail" if file.wal > WAL_FAIL else "warn" if file.wal > WAL_WARN else "ok"
    advice = "a reader holds it: end what has the file open for long, a backup or a shell"
    return verdict, f"the write-ahead log has {size(file.wal)}", "" if verdict == "ok" else advice


def integrity(file: FileFacts) -> tuple[Verdict, str, str]:
    """Whether the file is sound."""
    if file.faults:
        said = f"the file is damaged: {'; '.join(file.faults)}"
        return "fail", said, "stop the workers, keep a copy, and restore a backup"
    if not file.is_checked:
        return "warn", "the file is too large to be checked in time", "run pragma quick_check on a copy"
    return "ok", f"the file is sound, {size(file.size)}", ""


def size(number: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


FILE_CHECKS: Final[Mapping[str, FileCheck]] = {
    check.__name__: check for check in (sqlite, directory, local, disk, schema, journal, wal, integrity)
}
_INSIDE: Final = frozenset({"journal", "integrity"})


def judged(file: FileFacts) -> list[Found]:
    """What the checks of the file say; those of its inside only where it could be read, and is a store's."""
    is_read = not file.problem and file.is_ours and file.schema
    return [Found(name, *check(file)) for name, check in FILE_CHECKS.items() if is_read or name not in _INSIDE]


def is_openable(file: FileFacts) -> bool:
    """Whether the store can be opened, and would be as it was: opening refuses some files, and mends others."""
    is_safe = file.sqlite >= file.sqlite_safe and file.is_writable and not file.problem and not file.faults
    return is_safe and file.is_ours and file.schema == file.schema_known and file.journal == "wal"
