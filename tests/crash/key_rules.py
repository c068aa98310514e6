"""What must be true of the keys of a Redis store at any time, whoever was killed: the counterpart of `tables.py`.

What only the log of a queue tells is asked by `assert_consistent`.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from tests.crash.keys import LISTS, PARTS, TIES, Keys, Seen

DIGITS = 16  # of a score in an entry of `lines`

Rule = Callable[[Seen], Iterator[object]]
RULES: dict[str, Rule] = {}


def rule(says: str) -> Callable[[Rule], Rule]:
    def put(found: Rule) -> Rule:
        RULES[says] = found
        return found

    return put


def faults(keys: Keys, prefix: str) -> list[str]:
    """Every rule that is broken, and by what."""
    seen = Seen(keys, prefix)
    found = {says: list(check(seen)) for says, check in RULES.items()}
    return [f"{says}: {what[:5]}" for says, what in found.items() if what]


@rule("a job is in exactly one place")
def _(seen: Seen) -> Iterator[object]:
    return ((key, job.places) for key, job in seen.jobs.items() if len(job.places) != 1)


@rule("a list names a job once")
def _(seen: Seen) -> Iterator[object]:
    for queue in seen.queues:
        for state in LISTS:
            yield from (job for job, times in Counter(seen.of(f":{queue}:{state}")).items() if times > 1)


@rule("what is in a place is a job")
def _(seen: Seen) -> Iterator[object]:
    return (place for place in seen.places if f":{place[0]}:{place[1]}" not in seen.jobs)


@rule("what hangs on a job has a job")
def _(seen: Seen) -> Iterator[object]:
    for name in seen.keys:
        owner, _, part = name.removeprefix("~").rpartition(":")
        is_part = part in (TIES if name.startswith("~") else PARTS)
        if is_part and owner.count(":") > 1 and owner not in seen.jobs:
            yield name


@rule("every queue that has a job is known, and its log has a name")
def _(seen: Seen) -> Iterator[object]:
    for queue in {job.queue for job in seen.jobs.values()}:
        if queue not in seen.of("~::queues") or f"jobs/{queue}" not in seen.of("~::channels"):
            yield queue


@rule("no job has a number that its queue has not given")
def _(seen: Seen) -> Iterator[object]:
    for job in seen.jobs.values():
        number = int(job.fields.get("hrn") or job.id)
        if number > int(seen.of(f":{job.queue}:id") or 0):
            yield job.key


@rule("a running job has the lease of its last start, and nobody else has one")
def _(seen: Seen) -> Iterator[object]:
    for key, job in seen.jobs.items():
        started, _, token = job.fields.get("hrl", "::").split(":", 2)
        lock = seen.keys.get(f"{key}:lock")
        if job.state == "active" and (not lock or lock != token or started != job.fields["ats"]):
            yield key
        if job.state != "active" and lock:
            yield key


@rule("a finished job says when, and is not to fail any more")
def _(seen: Seen) -> Iterator[object]:
    for key, job in seen.jobs.items():
        if job.is_finished and ("defa" in job.fields or float(job.fields.get("finishedOn", 0)) != job.places[0][1]):
            yield key


@rule("a pending child is there, has no result yet, and names its parent")
def _(seen: Seen) -> Iterator[object]:
    for key in seen.jobs:
        for child in map(seen.short, seen.of(f"{key}:dependencies")):
            job = seen.jobs.get(child)
            if job is None or job.state == "completed" or seen.short(job.fields.get("parentKey", "")) != key:
                yield key, child


@rule("who waits for children has something to wait for, and counts whom it follows")
def _(seen: Seen) -> Iterator[object]:
    for key, job in seen.jobs.items():
        pending = sum(edge[3] == "pending" for edge in seen.edges(key).values())
        if int(job.fields.get("hrm", 0)) != pending:
            yield key, pending
        if job.state == "waiting-children" and not pending and not seen.of(f"{key}:dependencies"):
            yield key


@rule("who is waited for knows his followers, and Recover finds him")
def _(seen: Seen) -> Iterator[object]:
    followed = set(map(seen.short, seen.of("~::followed")))
    for key, job in seen.jobs.items():
        if (key in followed) != ("hrq" in job.fields) or ("hrq" in job.fields) != (f"~{key}:followers" in seen.keys):
            yield key
        for to, edge in seen.edges(key).items():
            if edge[3] == "pending" and seen.prefix + key not in seen.of(f"~{to}:followers"):
                yield key, to


@rule("a dedup key until the end of its job has a job that has not finished")
def _(seen: Seen) -> Iterator[object]:
    for queue in seen.queues:
        timed = seen.ours(queue, "dedups")
        start = f":{queue}:de:"
        for name in seen.keys:
            deid = name.removeprefix(start)
            if name.startswith(start) and deid not in timed:
                owner = seen.jobs.get(f":{queue}:{seen.keys[name]}")
                if owner is None or owner.is_finished or owner.fields.get("deid") != deid:
                    yield name


@rule("a dedup key for a time or for ever is taken, and what is kept waits for one that is neither")
def _(seen: Seen) -> Iterator[object]:
    for queue in seen.queues:
        timed = seen.ours(queue, "dedups")
        yield from (deid for deid in timed if f":{queue}:de:{deid}" not in seen.keys)
        for name in seen.keys:
            deid = name.removeprefix(f":{queue}:dn:")
            if deid != name and (deid in timed or f":{queue}:de:{deid}" not in seen.keys):
                yield name


@rule("somebody will look whether a job with a deadline was started")
def _(seen: Seen) -> Iterator[object]:
    watched = {(entry.split(":", 2)[2], at) for entry, at in seen.of("~::deadlines").items()}
    for key, job in seen.jobs.items():
        deadline = job.fields.get("hre", "").partition(":")[0]
        is_open = not job.is_finished and "ats" not in job.fields and "defa" not in job.fields
        if deadline and is_open and (f"{job.queue}:{job.id}", float(deadline)) not in watched:
            yield key


@rule("a parked job is in the line of its key, and its key has a turn to come")
def _(seen: Seen) -> Iterator[object]:
    for queue in seen.queues:
        lines = [entry.rpartition("\0") for entry in seen.ours(queue, "lines")]
        if {rest[DIGITS:]: float(rest[:DIGITS]) for _, _, rest in lines} != seen.ours(queue, "parked"):
            yield queue
        if {key for key, _, _ in lines} != set(seen.ours(queue, "heads")):
            yield queue


@rule("an unfinished job counts for its key where keys have limits, and nowhere else")
def _(seen: Seen) -> Iterator[object]:
    for queue in seen.queues:
        counted = sorted(entry.rpartition("\0")[2] for entry in seen.ours(queue, "keyed"))
        unfinished = [job.id for job in seen.jobs.values() if job.queue == queue and not job.is_finished]
        if counted != (sorted(unfinished) if seen.per_key(queue) else []):
            yield queue


@rule("what is dealt stands where Node takes it, and no other stands there")
def _(seen: Seen) -> Iterator[object]:
    for queue in filter(seen.per_key, seen.queues):
        if set(seen.ours(queue, "dealt")) != {*seen.of(f":{queue}:wait"), *seen.of(f":{queue}:prioritized")}:
            yield queue


@rule("whoever sleeps is told of work, and of the next delayed job")
def _(seen: Seen) -> Iterator[object]:
    for queue in seen.queues:
        marker, meta = seen.of(f":{queue}:marker"), seen.of(f":{queue}:meta")
        is_closed = "paused" in meta or len(seen.of(f":{queue}:active")) >= int(meta.get("concurrency", 10**9))
        is_ready = seen.of(f":{queue}:wait") or seen.of(f":{queue}:prioritized")
        if is_ready and not is_closed and "0" not in marker:
            yield queue
        delayed = seen.of(f":{queue}:delayed")
        if delayed and "paused" not in meta and not is_ready and marker.get("1", 0) > min(delayed.values()) / 4096 + 1:
            yield queue


@rule("a fence is given once, and a lock that is held has a name and an end")
def _(seen: Seen) -> Iterator[object]:
    names = {name.removeprefix("~::lock:") for name in seen.keys if name.startswith("~::lock:")}
    if not names == set(seen.of("~::locks")) == set(seen.of("~::lockends")):
        yield names
    holds = [hold.split(":") for name in names for hold in seen.of(f"~::lock:{name}").values()]
    fences = [int(fence) for fence, _, _ in holds]
    if len(set(fences)) < len(fences) or max(fences, default=0) > int(seen.of("~::fence") or 0):
        yield fences


@rule("entries of a log are consecutive up to the last position, and their channel has a name")
def _(seen: Seen) -> Iterator[object]:
    for name in seen.keys:
        channel = name.removeprefix("~::log:")
        if name.startswith("~:") and not name.startswith("~::") and name.endswith(":log"):
            channel = f"jobs/{name[2:-4]}"
        elif channel == name:
            continue
        positions, last = [at for at, _ in seen.of(name)], int(seen.of("~::positions")[channel])
        if channel not in seen.of("~::channels") or positions != list(range(last - len(positions) + 1, last + 1)):
            yield name


@rule("a schedule has a name, and only such a one has a slot")
def _(seen: Seen) -> Iterator[object]:
    names = {name.removeprefix("~::schedule:") for name in seen.keys if name.startswith("~::schedule:")}
    if names != set(seen.of("~::schedules")) or not set(seen.of("~::slots")) <= names:
        yield names
