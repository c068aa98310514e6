"""JSON with limits: what cannot be written, and what is too large or too deep, is refused with a name."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from headrace.core import codec
from headrace.core.errors import NotSerialisable, TooDeep, TooLarge

values = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**53), 2**53)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert codec.decode(codec.encode(value)) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [1, {"a": math.nan}], {"a": (None, -math.inf)}])
def test_numbers_that_json_does_not_have_are_refused(value: object) -> None:
    with pytest.raises(NotSerialisable, match="NaN or an infinity"):
        codec.encode(value, "the data")


@pytest.mark.parametrize("value", [None, [None], {"null": None}, "null", ["nan", None], {"a": {"b": None}}])
def test_nothing_is_not_mistaken_for_a_number(value: object) -> None:
    assert codec.decode(codec.encode(value)) == value


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(NotSerialisable):
        codec.encode("\ud800")


@pytest.mark.parametrize("value", [object(), {1, object()}, lambda: None, {object(): 1}, 1j, codec])
def test_what_has_no_form_in_json_is_refused(value: object) -> None:
    with pytest.raises(NotSerialisable) as caught:
        codec.encode(value, "the data of 'x'")
    assert str(caught.value).startswith("the data of 'x' cannot be written as JSON: ")


def test_a_value_that_holds_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotSerialisable):
        codec.encode(circle)


def test_the_types_of_tasks_have_a_form() -> None:
    @dataclass
    class Point:
        x: int

    moment = datetime(2026, 1, 1, tzinfo=UTC)
    text = codec.encode([Point(1), moment, UUID(int=5), Decimal("1.5"), b"ab"])
    assert text == '[{"x":1},"2026-01-01T00:00:00Z","00000000-0000-0000-0000-000000000005","1.5","YWI="]'


def test_the_limit_of_size_counts_bytes_and_is_exact() -> None:
    assert codec.encode("ö" * 4, limit=10) == '"öööö"'
    with pytest.raises(TooLarge) as caught:
        codec.encode("ö" * 4, "the data", limit=9)
    assert (caught.value.fields["size"], caught.value.fields["limit"]) == (10, 9)


@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}")])
def test_the_limit_of_depth_is_exact(pair: tuple[str, str]) -> None:
    opening, closing = pair
    for depth in (codec.DEPTH_MAX, codec.DEPTH_MAX + 1):
        text = opening * depth + "1" + closing * depth
        if depth > codec.DEPTH_MAX:
            with pytest.raises(TooDeep):
                codec.check_text(text.encode())
        else:
            assert codec.check_text(text.encode()) == text


def test_json_of_a_hundred_thousand_levels_is_refused_and_harms_nothing() -> None:
    with pytest.raises(TooDeep):
        codec.check_text(b"[" * 100_000 + b"]" * 100_000)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises((NotSerialisable, TooDeep)):
        codec.encode(deep)


def test_brackets_in_text_are_no_depth() -> None:
    value = {"a": "[{" * 500 + '\\"[', "b": ["\\", "]["]}
    assert codec.decode(codec.encode(value)) == value


def test_wide_is_not_deep() -> None:
    value = [[i] for i in range(1_000)]
    assert codec.decode(codec.encode(value)) == value
