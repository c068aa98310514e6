"""The names of keys, as far as Python needs them; scripts put together the rest from the prefix.

Keys of BullMQ's layout are `prefix:queue:…`. Keys of ours stand outside that name space, so that BullMQ's clean-up
leaves them alone: `prefix~:queue:…` for a queue, `prefix~::…` for the whole store (no queue has an empty name).

    prefix~::queues           zset    the queues that were added to or asked for jobs, in that order
    prefix~::request:<id>     string  the answer to an Add, for some minutes, as MessagePack [at, runs of ids, …]
    prefix~:<queue>:rest      string  the end of a rest; only with a clock that stands still, else it is K limiter
    prefix~:<queue>:settings  hash    keep_completed, keep_failed; limits are in K meta, of ours `hrmax` and `hrkey`
    prefix~:<queue>:starts    string  when jobs were started, while there is a rate; see shared/rate.lua
    prefix~:<queue>:parked    zset    ready jobs of a queue with limits per key; with it `lines`, `heads`, `turns`,
                                      `emptied`, `dealt` and `keyed`, see shared/lines.lua
    prefix~:<queue>:dedups    zset    its dedup keys for a time and for ever, by their ends
    prefix~:<queue>:ever      hash    who has which key for ever
    prefix~::deadlines        zset    `<rank of the queue>:<number>:<queue>:<id>` of jobs that expire, by deadline
    prefix~:<queue>:<id>:follows    hash  of each job that a job follows, by its key, the edge; see shared/follow.lua
    prefix~:<queue>:<id>:followers  zset  the keys of those who follow a job, in the order of their adds
    prefix~::followed         zset    the keys of all jobs that are followed, by when Recover looks at them again
    prefix~:<queue>:tally:<minute>  hash  what finished in that minute, for a day; see shared/tally.lua

    prefix~::fence            string  the fence given last, of whatever lock
    prefix~::lock:<name>      hash    of each owner `<fence>:<taken at>:<expires at>`
    prefix~::locks            zset    the names of locks, all with the score 0, so in the order of their bytes
    prefix~::lockends         zset    the same names, by when the last hold ends
    prefix~::workers          hash    of each worker `<started at>:<seen at>:<what it says of itself, as JSON>`
    prefix~::alive            zset    the same workers, by when their last beat no longer counts
    prefix~::log:<channel>    stream  the entries of a channel, by ids `<position>-0`; that of a queue's job events is
    prefix~:<queue>:log       stream  the same, made from BullMQ's `K events` by whoever reads it
    prefix~:<queue>:numbered  hash    how far: the `id` of the last event, and how many were `added` until then
    prefix~::channels         zset    the names of channels, all with the score 0, so in the order of their bytes
    prefix~::positions        hash    the last position of each channel
    prefix~::readers:<channel> hash   how far each reader has come, as it committed
    prefix~::schedule:<name>  hash    a schedule, see shared/schedules.lua; what Node schedules is Node's
    prefix~::schedules        zset    their names, all with the score 0, so in the order of their bytes
    prefix~::slots            zset    the names of those that will fire, by their next slot
    prefix~::moves:<topic>    stream  one entry, the newest: when a topic that has no log moved

A field of ours in an entry of `K events`, the last one, is `hr`: what happened as our log tells it, where BullMQ's
fields say too little; `hrof` is the job that it is told of, if not `jobId`. Fields of ours in a job's hash, which Node
ignores:

    hrl    `<ats>:<end>:<token>`, the last lease; void once `ats` has moved on
    hrc    `<ats>:<a Failure as JSON>`, the run that somebody asked to end; void once `ats` has moved on
    hrg    how many log lines are gone; those in `J:logs` are the ones after them
    hrh    the run during which a child failed that lets the job go on; void once `ats` has moved on
    hrj    notes, a JSON object
    hrm    how many of the jobs that it follows it waits for
    hrq    1 if others follow the job
    hrn    the job's number in its queue, if it has an id of its own; it decides between jobs of the same instant
    hrd    `<at>:<defa>`, since when the job is to fail; void if `defa` has become another
    hre    `<deadline>:<reason>`, when and with what a job fails that nobody has started
    hrf    the failed attempts, oldest first, one JSON object (core.jobs.Failure) a line
    hrk    how many children the job was given
    hrp    the place of a child among these
    hrt…   `<place>:<name>` of a child that is gone; the name of the field ends with the child's key
    hrb    by which member limits per key tell jobs apart, and the key; void if the queue names another
    hrs    since when the job stands ready, if not since its add; void if it was started since
    hrw    why the job failed, a Failure; void if its `at` is not `finishedOn`
"""

from typing import Final

from headrace.core.jobs import JobRef
from headrace.core.topics import job_events, log

_LOG: Final = log("")
_EVENTS: Final = job_events("")


class Keys:
    """The keys of one prefix."""

    __slots__ = ("_jobs", "prefix", "queues")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.queues = f"{prefix}~::queues"
        self._jobs = f"{prefix}:"

    def marker(self, queue: str) -> str:
        return f"{self.prefix}:{queue}:marker"

    def streams(self, topic: str) -> tuple[str, ...]:
        """The streams that move when a topic does."""
        channel = topic.removeprefix(_LOG)
        if channel == topic:
            return (f"{self.prefix}~::moves:{topic}",)
        queue = channel.removeprefix(_EVENTS)
        if queue and queue != channel and ":" not in queue:
            return f"{self.prefix}:{queue}:events", f"{self.prefix}~::moves:{topic}"
        return (f"{self.prefix}~::log:{channel}",)

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
