"""Renew: leases that go on."""

from typing import Any, Final

from headrace.core.commands import Renew, Renewed
from headrace.core.jobs import JobRef
from headrace.core.lifecycle import cancel_reason
from headrace.storage.redis.call import Call, pack
from headrace.storage.redis.failures import deferred_of
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word


def renew(command: Renew, _: Keys) -> tuple[Word, ...]:
    return command.lease_ms, pack(command.leases)


def renewed(command: Renew, reply: Any, keys: Keys) -> Renewed:
    refs = [JobRef(hold.queue, hold.id) for hold in command.leases]
    lost, asked = reply
    reasons = {
        refs[place]: cancel_reason(None if text is None else deferred_of(text, since, request, keys))
        for place, text, since, request in asked
    }
    return Renewed(tuple(refs[place] for place in lost), tuple(reasons), tuple(reasons.values()))


CALLS: Final[dict[type, Call]] = {Renew: Call("renew", renew, renewed)}
