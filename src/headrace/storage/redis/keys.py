"""The names of keys, as far as Python needs them; scripts put together the rest from the prefix.

Keys of BullMQ's layout are `prefix:queue:…`. Keys of ours stand outside that name space, so that BullMQ's clean-up
leaves them alone: `prefix~:queue:…` for a queue, `prefix~::…` for the whole store (no queue has an empty name).

    prefix~::queues           zset    the queues that were added to or claimed from, in that order
    prefix~::request:<id>     string  the answer to an Add, for some minutes, as MessagePack [at, ids, positions]
    prefix~:<queue>:rest      string  the end of a rest; only with a clock that stands still, else it is K limiter
    prefix~:<queue>:settings  hash    keep_completed, keep_failed, per_key (JSON), max_waiting; the rest is in K meta
    prefix~:<queue>:tally:<minute>  hash  what finished in that minute, for a day; see shared/tally.lua

Fields of ours in a job's hash, which Node ignores:

    hrl    `<ats>:<end>:<token>`, the last lease; void once `ats` has moved on
    hrc    `<ats>:<a Failure as JSON>`, the run that somebody asked to end; void once `ats` has moved on
    hrg    how many log lines are gone; those in `J:logs` are the ones after them
    hrj    notes, a JSON object
    hrn    the job's number in its queue, if it has an id of its own; it decides between jobs of the same instant
    hrd    `<at>:<defa>`, since when the job is to fail; void if `defa` has become another
    hrf    the failed attempts, oldest first, one JSON object (core.jobs.Failure) a line
    hrk    how many children the job was given
    hrp    the place of a child among these
    hrt…   `<place>:<name>` of a child that is gone; the name of the field ends with the child's key
    hrs    since when the job stands ready, if not since its add; void if it was started since
    hrw    why the job failed, a Failure; void if its `at` is not `finishedOn`
"""

from headrace.core.jobs import JobRef


class Keys:
    """The keys of one prefix."""

    __slots__ = ("_jobs", "prefix", "queues")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.queues = f"{prefix}~::queues"
        self._jobs = f"{prefix}:"

    def marker(self, queue: str) -> str:
        return f"{self.prefix}:{queue}:marker"

    def queue(self, name: str) -> str:
        """A queue as BullMQ writes it into a child."""
        return self._jobs + name

    def ref(self, key: str) -> JobRef:
        """The job whose hash is `key`; a key of another prefix is read from the right, as BullMQ does."""
        if key.startswith(self._jobs):
            queue, _, job_id = key[len(self._jobs) :].partition(":")
            return JobRef(queue, job_id)
        rest, _, job_id = key.rpartition(":")
        return JobRef(rest.rpartition(":")[2], job_id)
