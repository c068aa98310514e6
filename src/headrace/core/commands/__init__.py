"""Everything that a store can be asked to do, as frozen values, a module a family."""

from headrace.core.commands.command import Command
from headrace.core.commands.jobs import (
    Add,
    Added,
    Annotate,
    Annotated,
    Claim,
    Claimed,
    Hold,
    Move,
    Moved,
    Recover,
    Recovered,
    Remove,
    Removed,
    Renew,
    Renewed,
    Settle,
    Settled,
    Settlement,
    Source,
)
from headrace.core.commands.locks import Acquire, Acquired, Release, Released
from headrace.core.commands.log import (
    ChannelList,
    ChannelRecord,
    Channels,
    Commit,
    Committed,
    Entries,
    Publish,
    Published,
    Read,
    Trim,
    Trimmed,
)
from headrace.core.commands.queues import Configure, Configured, Forget, Forgotten, QueueList, QueueRecord, Queues
from headrace.core.commands.reads import (
    Count,
    Counted,
    Find,
    Found,
    Get,
    Got,
    Grown,
    LineList,
    Lines,
    Node,
    Tree,
)
from headrace.core.commands.workers import Beat, Beaten, Leave, Left, WorkerList, WorkerRecord, Workers
