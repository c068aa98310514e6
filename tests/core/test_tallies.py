"""Buckets of spans, and what can be read from them."""

import pytest

from headrace.core.tallies import BUCKETS, TALLIES_KEPT_MINUTES, bucket, first_minute, quantile_ms, summed


def counted(*spans: int) -> list[int]:
    counts = [0] * BUCKETS
    for span in spans:
        counts[bucket(span)] += 1
    return counts


@pytest.mark.parametrize(
    ("span", "number"), [(-7, 0), (0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (1_023, 10), (1_024, 11), (1 << 40, 31)]
)
def test_a_bucket_is_twice_as_wide_as_the_one_before(span: int, number: int) -> None:
    assert bucket(span) == number


def test_the_last_bucket_begins_where_the_one_before_ends() -> None:
    last = BUCKETS - 1
    assert [bucket((1 << last - 1) + step) for step in (-1, 0)] == [last - 1, last]


def test_buckets_add_up() -> None:
    assert summed([counted(0, 5), counted(5, 900)]) == tuple(counted(0, 5, 5, 900))
    assert summed([]) == (0,) * BUCKETS


def test_a_quantile_lies_in_the_bucket_of_the_span_that_it_is() -> None:
    spans = [*range(1, 90), *[3_000] * 10, 100_000]
    for share in (0.01, 0.5, 0.89, 0.95, 1.0):
        exact = sorted(spans)[round(share * len(spans)) - 1]
        found = quantile_ms(counted(*spans), share)
        assert found is not None
        assert exact / 2 <= found <= exact * 2


def test_quantiles_of_nothing_and_of_no_time() -> None:
    assert quantile_ms(counted(), 0.5) is None
    assert quantile_ms(counted(0, 0), 0.5) == 0


def test_minutes_are_counted_back_from_the_present_one_as_far_as_they_are_kept() -> None:
    assert first_minute(125_000, 1) == 2
    assert first_minute(125_000, 3) == 0
    assert first_minute(0, 10**9) == 1 - TALLIES_KEPT_MINUTES
