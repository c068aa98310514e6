"""What an app has enqueued in a test, and the assertion about it."""

from typing import Any, Final

from headrace.call import Call
from headrace.core import codec
from headrace.core.commands import Add, Added, Command
from headrace.core.errors import Misuse
from headrace.core.jobs import JobRef, NewJob
from headrace.storage.protocol import Storage, Wrapper
from headrace.task import Task

SHOWN_MAX: Final = 20  # jobs named in a failure
DATA_SHOWN_MAX: Final = 200  # characters of the data of each


class Enqueued:
    """Every job that was stored through an app since its test began: by callers, flows and handlers.

    Calling it asserts that a job was enqueued; it works in sync and async tests alike, since it asks no store.
    """

    def __init__(self) -> None:
        self.jobs: list[tuple[JobRef, NewJob]] = []
        """All of them, in order. Those that were not stored, because their id or dedup key was taken, are not here."""

    def __call__(
        self,
        what: Task[..., Any] | Call[Any] | str,
        /,
        *args: object,
        queue: str | None = None,
        count: int | None = None,
        **kwargs: object,
    ) -> list[JobRef]:
        """The jobs of a task that were enqueued, in order; `AssertionError`, with what there was, if there is none.

        Without arguments whatever its arguments were, with some exactly those. `count` says how many there must be (0:
        none), `queue` in which queue. A task of another program is named by its name. A call instead of the task
        serves tasks that have arguments called `queue` or `count`.
        """
        __tracebackhide__ = True
        wanted_queue, name, data = _wanted(what, args, kwargs)
        wanted_queue = queue or wanted_queue
        found = [
            ref
            for ref, job in self.jobs
            if job.name == name
            and wanted_queue in (None, job.queue)
            and (data is None or codec.decode(job.data) == codec.decode(data))
        ]
        if len(found) != count if count is not None else not found:
            wanted = f"{'' if wanted_queue is None else f'{wanted_queue}/'}{name}{'' if data is None else f' {data}'}"
            raise AssertionError(self._difference(wanted, len(found), count))
        return found

    def note(self, command: Command[Any], reply: object) -> None:
        """Take note of an answered command; for stores."""
        if isinstance(command, Add) and isinstance(reply, Added):
            there = {*reply.existing, *reply.duplicates}
            pairs = zip(reply.jobs, command.jobs, strict=True)
            self.jobs += [pair for at, pair in enumerate(pairs) if at not in there]

    def _difference(self, wanted: str, found: int, count: int | None) -> str:
        asked = "at least 1" if count is None else str(count)
        head = f"of {wanted}, {asked} should have been enqueued, and {found} {'was' if found == 1 else 'were'}"
        if not self.jobs:
            return f"{head}; nothing was enqueued at all"
        lines = [f"  {ref} {job.name} {_cut(job.data)}" for ref, job in self.jobs[:SHOWN_MAX]]
        if len(self.jobs) > SHOWN_MAX:
            lines.append(f"  and {len(self.jobs) - SHOWN_MAX} more")
        return "\n".join([f"{head}; what was enqueued:", *lines])


class NotingStore(Wrapper):
    """Another store, and a note of what was enqueued through here."""

    def __init__(self, inner: Storage, enqueued: Enqueued) -> None:
        super().__init__(inner)
        self.enqueued = enqueued

    async def run(self, *commands: Command[Any]) -> Any:
        """As `Storage.run`."""
        reply = await self.inner.run(*commands)
        for command, answer in zip(commands, (reply,) if len(commands) == 1 else reply, strict=True):
            self.enqueued.note(command, answer)
        return reply


def _wanted(
    what: Task[..., Any] | Call[Any] | str, args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[str | None, str, str | None]:
    if isinstance(what, Task):
        return what.queue, what.name, what.call(*args, **kwargs).data if args or kwargs else None
    if isinstance(what, Call):
        if args or kwargs:
            raise Misuse("a call has its arguments already; pass them to the task, or none here")
        return what.queue, what.name, what.data
    if args:
        raise Misuse(f"the arguments of {what!r} are known by their names only; write {what!r}, name=value")
    return None, what, codec.encode(kwargs) if kwargs else None


def _cut(text: str) -> str:
    return text if len(text) <= DATA_SHOWN_MAX else f"{text[:DATA_SHOWN_MAX]}…"
