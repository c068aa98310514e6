"""What a handler raises to end its run in another way than by success or error."""

import pytest

from headrace.core.outcomes import Later, RateLimited, Signal, Unrecoverable, WaitForChildren


def test_signals_are_no_common_errors() -> None:
    for kind in (Unrecoverable, Later, RateLimited, WaitForChildren):
        assert issubclass(kind, Signal)
        assert not issubclass(kind, ArithmeticError | OSError | ValueError)


@pytest.mark.parametrize("kind", [Later, RateLimited])
def test_a_signal_with_a_span_keeps_it_in_seconds(kind: type[Later | RateLimited]) -> None:
    signal = kind(1.5)
    assert signal.seconds == 1.5
    assert "1.5 s" in str(signal)


def test_the_reason_of_a_final_failure_is_its_text() -> None:
    assert str(Unrecoverable("no such zone")) == "no such zone"
