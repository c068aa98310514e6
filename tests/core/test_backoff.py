"""The formulas of BullMQ, with our bounds."""

from hypothesis import given
from hypothesis import strategies as some

from headrace.core.backoff import DELAY_MAX_MS, Backoff, Custom, Exponential, Fixed, pause_ms

delays = some.integers(0, DELAY_MAX_MS)
attempts = some.integers(1, 10**9)
jitters = some.floats(0, 1)
chances = some.floats(0, 1, exclude_max=True)


@given(delays, attempts, chances)
def test_a_fixed_pause_is_the_same_before_every_attempt(delay: int, attempt: int, chance: float) -> None:
    assert pause_ms(Fixed(delay), attempt, chance) == delay


@given(some.integers(0, 10**6), some.integers(1, 16), chances)
def test_an_exponential_pause_doubles(delay: int, attempt: int, chance: float) -> None:
    assert pause_ms(Exponential(delay), attempt, chance) == min(delay * 2 ** (attempt - 1), DELAY_MAX_MS)


@given(delays, attempts, delays, jitters, chances)
def test_no_pause_is_longer_than_its_maximum(delay: int, attempt: int, most: int, jitter: float, chance: float) -> None:
    assert 0 <= pause_ms(Exponential(delay, jitter, most), attempt, chance) <= most


@given(delays, attempts, jitters, chances)
def test_jitter_draws_from_the_upper_part(delay: int, attempt: int, jitter: float, chance: float) -> None:
    pause = pause_ms(Fixed(delay, jitter), attempt, chance)
    assert int(delay * (1.0 - jitter)) <= pause <= delay


@given(delays, some.floats(0.01, 1))
def test_more_chance_is_a_longer_pause(delay: int, jitter: float) -> None:
    pauses = [pause_ms(Fixed(delay, jitter), 1, chance) for chance in (0.0, 0.25, 0.5, 0.75, 0.999)]
    assert pauses == sorted(pauses)


@given(attempts, chances)
def test_without_a_backoff_or_with_a_custom_one_the_rules_know_no_pause(attempt: int, chance: float) -> None:
    found: list[Backoff | None] = [None, Custom("mine")]
    assert [pause_ms(backoff, attempt, chance) for backoff in found] == [0, 0]
