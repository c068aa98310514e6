"""Every error of Headrace, each with a stable `code`, fields instead of prose, and whether trying again makes sense.

The code is the same in Python, on the wire, in metrics and in the documentation. Five families:

* `Misuse`: the call can never work; mend the call.
* `Refused`: the call was well formed, the state of the world says no. A store gives these as part of its reply.
* `Unavailable`: the store did not answer; the command may or may not have happened.
* `JobError`: what waiting for a job's result raises (`core/results.py`).
* `Denied`: the gateway does not let this caller do this.
"""

from typing import ClassVar


class HeadraceError(Exception):
    """The root of all errors raised by Headrace; `fields` holds what the sentence of the error was made of."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    says: ClassVar[str] = "{message}"

    def __init__(self, message: str | None = None, /, **fields: object) -> None:
        if message is not None:
            fields["message"] = message
        self.fields = fields
        super().__init__(self.says.format_map(fields) if message is None else message)

    def __getattr__(self, name: str) -> object:
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.fields == other.fields

    def __hash__(self) -> int:
        return hash((type(self), tuple(sorted(self.fields))))

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.fields))


def _rebuild(kind: type[HeadraceError], fields: dict[str, object]) -> HeadraceError:
    message = fields.get("message")
    rest = {key: value for key, value in fields.items() if key != "message"}
    return kind(message if isinstance(message, str) else None, **rest)


class Misuse(HeadraceError):
    """The call can never work as it is written."""

    code = "misuse"


class InvalidOption(Misuse):
    """An option is unknown, has the wrong type or lies outside its bounds."""

    code = "invalid-option"


class NotImportable(Misuse):
    """A task with `executor="process"` stands where a child process cannot find it."""

    code = "not-importable"
    says = "the task {task!r} cannot run in a process of its own: {problem}"


class InvalidName(Misuse):
    """A queue, task, job or channel name breaks the rules for names."""

    code = "invalid-name"
    says = "{what} {value!r} {problem}"


class InvalidId(Misuse):
    """A custom job id breaks the rules for ids."""

    code = "invalid-id"
    says = "the job id {value!r} {problem}"


class InvalidData(Misuse):
    """A job's data does not fit the arguments of its task."""

    code = "invalid-data"
    says = "the data does not fit the task {task!r}: {problem}"


class NotSerialisable(Misuse):
    """A value cannot be written as JSON."""

    code = "not-serialisable"
    says = "{what} cannot be written as JSON: {problem}"


class TooLarge(Misuse):
    """A value is larger than its limit."""

    code = "too-large"
    says = "{what} has {size} bytes, the limit is {limit}; store it elsewhere and pass a reference"


class TooDeep(Misuse):
    """JSON is nested deeper than its limit."""

    code = "too-deep"
    says = "{what} is nested deeper than {limit} levels; flatten it"


class BadFlow(Misuse):
    """A flow is empty, has a cycle, or is too large."""

    code = "bad-flow"


class BadQuery(Misuse):
    """A query for jobs cannot be understood; `position` counts from 1."""

    code = "bad-query"
    says = "{term!r}, at {position} of the query, {problem}"


class BadUrl(Misuse):
    """The address of the store cannot be understood."""

    code = "bad-url"
    says = "the store URL {url!r} {problem}"


class BadConfig(Misuse):
    """The settings are wrong; `problems` lists every fault at once."""

    code = "bad-config"


class SchemaTooNew(Misuse):
    """The database was written by a newer Headrace."""

    code = "schema-too-new"
    says = "{path} has schema {found}, this Headrace knows up to {known}; upgrade Headrace, or use another file"


class Refused(HeadraceError):
    """The world says no; nothing of this command was done."""

    code = "refused"


class NoSuchJob(Refused):
    """There is no such job; it may have been removed, or retention may have taken it."""

    code = "no-such-job"
    says = "there is no job {queue}/{id}"


class NoSuchParent(Refused):
    """A new job names a parent that is not there."""

    code = "no-such-parent"
    says = "there is no job {queue}/{id} to be the parent"


class NoSuchQueue(Refused):
    """No job was ever added to a queue of this name."""

    code = "no-such-queue"
    says = "there is no queue {queue!r}"


class NoSuchChild(Refused):
    """A parent asked for the result of a child that it has not exactly once among its completed children."""

    code = "no-such-child"


class DuplicateId(Refused):
    """A node of a flow, or a job that moves to another queue, has an id that is taken there."""

    code = "duplicate-id"
    says = "the id of {queue}/{id} is taken; a node of a flow, or a job that moves there, needs a free one"


class WrongState(Refused):
    """A job is not in a state from which this can be done."""

    code = "wrong-state"
    says = "{queue}/{id} is {state}"


class NoMatch(Refused):
    """A job no longer fits the query that it was found with: it has moved meanwhile, and was left alone."""

    code = "no-match"
    says = "{queue}/{id} no longer fits the query"


class NotAnObject(Refused):
    """The data of a job is a list, a text or a number; only an object has members that can be set one by one."""

    code = "not-an-object"
    says = "the data of {queue}/{id} is no JSON object and has no members to set; replace all of it"


class DataTooLarge(Refused):
    """What is merged into the data or the notes of a job would let them grow beyond `Settings.data_max`."""

    code = "data-too-large"
    says = "the {what} of {queue}/{id} would have more than {limit} bytes; take members away, or keep them elsewhere"


class QueueBusy(Refused):
    """Jobs of the queue are running, and what was asked would take them away from their workers."""

    code = "queue-busy"
    says = "jobs of the queue {queue!r} are running ({active}); let them end, cancel them, or use force"


class LeaseLost(Refused):
    """The lease is no longer ours: it ended, and the job is another worker's now, or finished, or gone."""

    code = "lease-lost"
    says = "the lease of {queue}/{id} is lost"


class QueueNotEmpty(Refused):
    """Only an empty queue can be forgotten."""

    code = "queue-not-empty"
    says = "the queue {queue!r} still has jobs"


class QueueFull(Refused):
    """The queue has as many waiting jobs as it may have."""

    code = "queue-full"
    retryable = True
    says = "the queue {queue!r} is full"


class StorageFull(Refused):
    """The store has no room left; nothing was written, nothing that was stored before is lost."""

    code = "storage-full"
    retryable = True
    says = "the store is full: {problem}; free some room, or let retention remove finished jobs"


class Held(Refused):
    """Others hold the lock: `owner` is the one whose hold ends first, at `until_at`, if it is not renewed."""

    code = "held"
    retryable = True
    says = "the lock {name!r} is held by {owner!r}; if it is not renewed, that ends in {ends_in_ms} ms"


class LockLost(Refused):
    """The hold has expired, or somebody has released it: another may hold the lock by now."""

    code = "lock-lost"
    says = "{owner!r} holds the lock {name!r} no longer"


class Conflict(Refused):
    """A log has moved past the position that the writer expected."""

    code = "conflict"
    says = "the channel {channel!r} is at {position}, not at {expected}"


class Unavailable(HeadraceError):
    """The store did not answer; each command of the call may or may not have happened."""

    code = "unavailable"
    retryable = True
    says = "the store is unavailable: {problem}"


class CannotOpen(Unavailable):
    """The store cannot be opened at this place."""

    code = "cannot-open"
    retryable = False
    says = "cannot open {path}: {problem}"


class Denied(HeadraceError):
    """The gateway does not let this caller do this."""

    code = "denied"
