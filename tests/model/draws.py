"""Strategies for the parts of commands. Small worlds, so that commands meet each other."""

from typing import Any

from hypothesis import strategies as st

from headrace.core.backoff import Fixed
from headrace.core.commands import Source
from headrace.core.jobs import Keep, NewJob, Options

QUEUES = ("q", "r", "{s} ü")
NAMES = ("a", "b")
IDS = ("x", "y", "z")
REQUESTS = (None, None, None, "one", "two")

queues = st.sampled_from(QUEUES)
names = st.sampled_from(NAMES)
picks = st.integers(0, 30)  # which of the things known so far, the newest first
priorities = st.sampled_from((0, 0, 0, 1, 2, 2**21 - 1))
delays = st.sampled_from((0, 0, 0, 1, 20, 500))
spans = st.sampled_from((1, 20, 100, 1_000))
json_texts = st.sampled_from(("null", "1", '{"a": [1,  2]}', '"ü"'))
requests = st.sampled_from(REQUESTS)

keeps = st.sampled_from((None, None, None, Keep(0), Keep(1), Keep(2), Keep(age_ms=20), Keep(3, 100), Keep()))
options = st.builds(
    Options,
    attempts=st.integers(1, 3),
    backoff=st.sampled_from((None, Fixed(20))),
    max_stalled=st.integers(0, 2),
    lifo=st.sampled_from((False, False, True)),
    keep_completed=keeps,
    keep_failed=keeps,
)


def jobs(**fields: Any) -> st.SearchStrategy[NewJob]:
    return st.builds(
        NewJob,
        queues,
        names,
        data=json_texts,
        priority=priorities,
        delay_ms=delays,
        options=options,
        **fields,
    )


plain_jobs = jobs(id=st.sampled_from((None, None, None, *IDS)))
policies = st.sampled_from(("fail_parent", "fail_parent", "wait"))
sources = st.lists(
    st.builds(Source, queues, st.sampled_from((None, None, ("a",), ("b", "a"), ()))),
    min_size=1,
    max_size=3,
    unique_by=lambda source: source.queue,
).map(tuple)
note_texts = st.sampled_from(
    (None, '{"a":1}', '{"a":null}', '{"a":{"b":1,"c":[null]},"ü":"x"}', '{"a":{"b":null,"d":2}}', "{}")
)
