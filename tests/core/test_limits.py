"""How limits are reckoned, and which there may be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import InvalidOption
from headrace.core.limits import STARTS_MAX, Capacity, Limits, Rate, check, key_of, startable, startable_at, started


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=400), st.integers(1, 50))
def test_no_span_has_more_starts_than_the_rate_and_few_instants_are_kept(
    asks: list[tuple[int, int]], most: int
) -> None:
    rate, now, starts = Rate(most, 1_000), 0, ()
    done: list[int] = []
    for pause, wanted in asks:
        now += pause
        count = min(startable(rate, starts, now), wanted)
        if count:
            starts = started(rate, starts, now, count)
            done += [now] * count
        assert sum(at > now - rate.per_ms for at in done) <= most
        assert len(starts) <= STARTS_MAX


def test_starts_that_are_kept_as_one_delay_others_by_a_slot_at_most() -> None:
    rate, starts = Rate(500, 1_000), ()
    for now in range(500):
        starts = started(rate, starts, now, 1)
    assert startable(rate, starts, 999) == 0
    assert startable_at(rate, starts, 999) <= 1_000 + 1_000 // 64 + 1
    assert startable(rate, starts, 1_100) >= 80


@pytest.mark.parametrize(
    "limits",
    [
        Limits(concurrency=0),
        Limits(concurrency=-1),
        Limits(concurrency=2**60),
        Limits(concurrency=True),
        Limits(concurrency=1.5),  # type: ignore[arg-type]
        Limits(max_waiting=-1),
        Limits(max_waiting="5"),  # type: ignore[arg-type]
        Limits(rate=Rate(0, 1_000)),
        Limits(rate=Rate(1, 0)),
        Limits(rate=Rate(1, 10**12)),
        Limits(per_key={}),
        Limits(per_key={"a": Capacity(), "b": Capacity()}),
        Limits(per_key={"a.b": Capacity()}),
        Limits(per_key={"": Capacity()}),
        Limits(per_key={"a": Capacity(running=0)}),
        Limits(per_key={"a": Capacity(waiting=-1)}),
    ],
)
def test_a_limit_that_cannot_be_is_refused(limits: Limits) -> None:
    with pytest.raises(InvalidOption):
        check(limits)


def test_who_wants_to_hold_a_queue_is_told_how() -> None:
    with pytest.raises(InvalidOption, match="pause it"):
        check(Limits(concurrency=0))


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ('{"t":"a"}', "a"),
        ('{"t":""}', ""),
        ('{"t":"a\\u0000b"}', "a"),
        ('{"t":-0}', "0"),
        ('{"t":9223372036854775807}', "9223372036854775807"),
        ('{"t":9223372036854775808}', None),
        ('{"t":1.5}', None),
        ('{"t":false}', None),
        ("[]", None),
        ("no json", None),
    ],
)
def test_a_key_is_a_text_or_a_whole_number(data: str, key: Any) -> None:
    assert key_of("t", data) == key
