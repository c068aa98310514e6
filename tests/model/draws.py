"""Strategies for the parts of commands. Small worlds, so that commands and instants meet each other."""

from typing import Any

from hypothesis import strategies as st
from msgspec import UNSET

from headrace.core.backoff import Fixed
from headrace.core.commands import (
    Acquire,
    Annotate,
    Beat,
    Command,
    Commit,
    Configure,
    DropSchedule,
    Fire,
    Leave,
    Publish,
    PutSchedule,
    Release,
    Remove,
    Source,
    Trim,
    WorkerRecord,
)
from headrace.core.jobs import POLICIES, STATES, Dedup, Failure, JobRef, Keep, NewJob, Options
from headrace.core.limits import Capacity, Rate
from headrace.core.outcomes import AwaitsChildren, Cancelled, Done, Failed, Outcome, Postponed, PutBack
from headrace.core.query import parse
from headrace.core.schedules import EveryTiming, Plan, ScheduleRecord
from headrace.core.topics import job_events

QUEUES = ("q", "r", "{s} ü")
READERS = ("me", "you")
KEYS = ("k", "ü")
CLOCKWORK = ("s", "t")
LOCKS = ("lock", "Schloß")
OWNERS = (*READERS, "them")

WEIGHTS = {
    "add_jobs": 4,
    "add_jobs_in_one_call": 2,
    "add_flow": 4,
    "add_follower": 4,
    "add_child": 3,
    "claim": 3,
    "claim_anything": 6,
    "settle": 8,
    "turn": 4,
    "advance": 6,
    "recover": 3,
    "renew": 2,
    "move": 5,
    "remove": 1,
    "remove_page": 1,
    "annotate": 2,
    "forget": 1,
    "use_neighbours": 3,
    "use_schedules": 2,
    "turn_pages": 2,
    "ask_why": 4,
}
DEEDS = tuple(deed for deed, weight in WEIGHTS.items() for _ in range(weight))

queues = st.sampled_from(QUEUES)
few = st.integers(0, 6)
picks = st.integers(0, 30)  # which of the things known so far, the newest first
priorities = st.sampled_from((0, 0, 0, 1, 2, 2**21 - 1))
delays = st.sampled_from((0, 0, 0, 20, 40, 500))
spans = st.sampled_from((20, 20, 40, 1_000))
steps = st.sampled_from((20, 20, 20, 40, 40, 1, 1_000, 700_000))
json_texts = st.sampled_from(
    (
        "null",
        "1",
        '{"a": [1,  2]}',
        '"ü"',
        '{"a": 7, "b": {"ü": "x*"}}',
        '{"a": "7"}',
        '{"a": 7, "ü": "x"}',
        '{"a": "x"}',
    )
)
requests = st.sampled_from((None, None, None, None, "one", "two"))
wrong_tokens = st.sampled_from((*(None,) * 15, "wrong"))
policies = st.sampled_from(("fail_parent", *POLICIES))
bonds = st.sampled_from((*POLICIES, "finally", "finally", "on_failure", "on_failure"))
actions = st.sampled_from(("retry", "retry", "promote", "delay", "prioritise", "cancel", "cancel", "move"))
wheres = st.one_of(
    st.none(),
    st.lists(
        st.sampled_from(
            """state:waiting,failed -state:delayed name:a -name:* queue:q queue:*s* id:1* -id:x error:BOOM error:child
            -error:e*l priority:0 priority:>1 -priority:<=2 attempts:>=1 attempts:0 age:>20s age:<=0.04s age:>=0.02s
            data.a:7 data.a:>6.5 -data.a:7 data.b.ü:x* data.b.ü:x\\* data.a:* data.a:<7
            data.a[1]:2 data.a[0]:>0 -data[0]:1 data.a[2]:*""".split()
        ),
        min_size=1,
        max_size=2,
    ).map(lambda terms: parse(" ".join(terms))),
)
cancellations = st.sampled_from((None, Failure("no more", "cancelled")))

keeps = st.sampled_from((*(None,) * 6, Keep(0), Keep(1), Keep(2), Keep(age_ms=20), Keep(3, 40), Keep()))
ends = st.sampled_from(({}, {}, {}, {"ttl_ms": 20}, {"ttl_ms": 40, "extends": True}, {"is_forever": True}))
ways = st.sampled_from(({}, {"replaces": True}, {"reschedules": True}))
dedups = st.builds(  # what goes together
    lambda key, end, way, keeps_last: Dedup(key, keeps_last=keeps_last and not end, **end, **way),
    st.sampled_from(KEYS),
    ends,
    ways,
    st.booleans(),
)
options = st.builds(
    Options,
    dedup=st.one_of(st.none(), st.none(), dedups),
    attempts=st.integers(1, 3),
    backoff=st.sampled_from((None, Fixed(20))),
    max_stalled=st.integers(0, 2),
    lifo=st.sampled_from((False, False, True)),
    keep_completed=keeps,
    keep_failed=keeps,
    expires_ms=st.sampled_from((None, None, None, 20, 40, 1_000)),
    siblings=st.sampled_from(("run", "run", "cancel")),
)


def jobs(**fields: Any) -> st.SearchStrategy[NewJob]:
    return st.builds(
        NewJob,
        queues,
        st.sampled_from(("a", "b")),
        data=json_texts,
        priority=priorities,
        delay_ms=delays,
        options=options,
        **fields,
    )


batches = st.lists(jobs(id=st.sampled_from((None, None, None, "x", "y", "z"))), max_size=4).map(tuple)
nodes = jobs(has_children=st.booleans())

sources = st.lists(
    st.builds(Source, queues, st.sampled_from((None, None, None, ("a",), ("b", "a"), ()))),
    min_size=1,
    max_size=3,
    unique_by=lambda source: source.queue,
).map(tuple)

outcomes: st.SearchStrategy[Outcome] = st.sampled_from(
    (
        Done('{"done":  1}'),
        Done('{"done":  1}'),
        Done(),
        Failed(Failure("boom", attempt=1)),
        Failed(Failure("boom", attempt=1)),
        Failed(Failure("fatal ü", "unrecoverable", "E", "trace", 1), is_retryable=False),
        Postponed(0),
        Postponed(20),
        PutBack(),
        PutBack(20),
        PutBack(40),
        AwaitsChildren(),
        AwaitsChildren(20),
        Cancelled(),
    )
)

annotations = st.builds(
    Annotate,
    st.just(JobRef("", "")),
    progress=st.sampled_from((None, "1", '{"a":1}')),
    lines=st.sampled_from(((), ("",), ("ü\n", "x"), ("x",) * 600)),
    notes=st.sampled_from(
        (None, '{"a":1}', '{"a":null}', '{"a":{"b":1,"c":[null]},"ü":"x"}', '{"a":{"b":null,"d":2}}', "{}")
    ),
    data=st.sampled_from((None, None, None, "[1]")),
    patch=st.sampled_from((None, None, '{"a":7}', '{"a":null,"b":{"ü":"x"}}', '{"c":[1,null]}', "{}")),
    where=wheres,
    bytes_max=st.sampled_from((None, None, 12, 30)),
)

_changes = (UNSET, UNSET, None)
limits = st.builds(
    Configure,
    queues,
    concurrency=st.sampled_from((*_changes, 1, 2, 4)),
    max_waiting=st.sampled_from((*_changes, 0, 3, 20)),
    rate=st.sampled_from((*_changes, Rate(2, 40), Rate(5, 1_000))),
    per_key=st.sampled_from(
        (
            *_changes,
            {"a": Capacity()},
            {"a": Capacity(running=1)},
            {"a": Capacity(running=2, waiting=2)},
            {"ü": Capacity(1)},
        )
    ),
)

pages = st.builds(
    Remove,
    queue=queues,
    states=st.lists(st.sampled_from(STATES), max_size=4).map(tuple),
    older_ms=st.sampled_from((0, 20)),
    keep_count=st.sampled_from((0, 1, 3)),
    spares_kept=st.booleans(),
    limit=st.sampled_from((1, 3, 1_000)),
)

neighbours: st.SearchStrategy[Command[Any]] = st.one_of(
    st.builds(Configure, queues, st.sampled_from((None, True, False, False))),
    limits,
    limits,
    st.builds(
        Configure,
        queues,
        keep_completed=st.sampled_from((None, "default", Keep(3), Keep())),
        keep_failed=st.sampled_from((None, "default", Keep(age_ms=20), Keep(0, 7))),
    ),
    st.builds(
        Publish,
        st.sampled_from(("bus", job_events("q"))),
        st.integers(0, 3).map(lambda count: ('{"state":"progress"}',) * count),
        st.sampled_from(("", "k")),
        st.sampled_from((None, None, 0, 3)),
    ),
    st.builds(Trim, st.sampled_from(("bus", "nowhere", job_events("r"))), st.sampled_from((0, 2, 50))),
    st.builds(Commit, st.just("bus"), st.sampled_from(READERS), st.sampled_from((None, 0, 1, 5))),
    st.builds(
        Acquire,
        st.sampled_from(LOCKS),
        st.sampled_from(OWNERS),
        spans,
        limit=st.sampled_from((1, 1, 2)),
        fence=st.sampled_from((None, None, None, 1, 2, 3)),
    ),
    st.builds(Release, st.sampled_from(LOCKS), st.sampled_from(OWNERS)),
    st.builds(
        Beat,
        st.builds(
            WorkerRecord,
            st.sampled_from(READERS),
            st.just("host"),
            st.just(1),
            sources,
            st.just(5),
            running=st.integers(0, 2),
        ),
        spans,
    ),
    st.builds(Leave, st.sampled_from(READERS)),
)

plans = st.builds(
    Plan,
    st.just(EveryTiming(20)),
    jobs(id=st.just(None)),
    count=st.sampled_from((None, None, 2)),
    overlap=st.sampled_from(("allow", "skip", "queue")),
)
names = st.sampled_from(CLOCKWORK)
instants = st.sampled_from((None, 20, 40, 60))
versions = st.sampled_from((0, 0, 0, 0, 1))
"""How far a version lies behind the present one."""

puts = st.builds(
    PutSchedule,
    st.builds(
        ScheduleRecord, names, plans, st.just(0), few, instants, st.sampled_from((None, None, "by hand", "gone"))
    ),
)
fires = st.builds(
    Fire,
    names,
    st.sampled_from((0, 0, 0, None)),
    st.sampled_from((20, 40, 60, None)),
    instants,
    st.sampled_from((0, 0, 20)),
    st.sampled_from((None, None, "by hand")),  # what an Add was asked by is no request for this
)
drops = st.builds(DropSchedule, names)
