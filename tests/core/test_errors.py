"""Errors carry a code that stays, fields, and a sentence; they travel between processes."""

import copy
import pickle
from string import Formatter

import pytest

from headrace.core import errors, results
from headrace.core.errors import HeadraceError, LeaseLost, Misuse, NoSuchJob, QueueFull, Refused
from headrace.core.results import JobFailed

KINDS = [
    kind
    for module in (errors, results)
    for kind in vars(module).values()
    if isinstance(kind, type) and kind.__module__ == module.__name__ and issubclass(kind, HeadraceError)
]
FAMILIES = {errors.Misuse, errors.Refused, errors.Unavailable, results.JobError, errors.Denied}


def example(kind: type[HeadraceError]) -> HeadraceError:
    names = [name for _, name, _, _ in Formatter().parse(kind.says) if name]
    return kind(**{name: f"<{name}>" for name in names})


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_pickling_with_its_fields_and_its_sentence(kind: type[HeadraceError]) -> None:
    for error in (example(kind), kind("a sentence"), kind("a sentence", extra=5)):
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
            assert type(again) is kind
            assert again == error
            assert str(again) == str(error)
            assert again.fields == error.fields


@pytest.mark.parametrize("kind", KINDS)
def test_the_sentence_is_made_of_the_fields(kind: type[HeadraceError]) -> None:
    error = example(kind)
    for value in error.fields.values():
        assert str(value) in str(error)


def test_codes_are_all_different_and_fit_for_a_wire() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(code == code.lower() and code.replace("-", "").isalpha() for code in codes)


def test_every_error_belongs_to_one_family() -> None:
    for kind in KINDS:
        if kind is not HeadraceError:
            assert sum(issubclass(kind, family) for family in FAMILIES) == 1, kind


def test_what_can_never_work_is_not_worth_trying_again() -> None:
    assert not any(kind.retryable for kind in KINDS if issubclass(kind, Misuse))
    assert QueueFull.retryable
    assert errors.Unavailable.retryable


def test_errors_are_equal_when_kind_and_fields_are() -> None:
    assert NoSuchJob(queue="q", id="1") == NoSuchJob(queue="q", id="1")
    assert hash(NoSuchJob(queue="q", id="1")) == hash(NoSuchJob(queue="q", id="1"))
    assert NoSuchJob(queue="q", id="1") != NoSuchJob(queue="q", id="2")
    different: Refused = LeaseLost(queue="q", id="1")
    assert different != NoSuchJob(queue="q", id="1")


def test_fields_are_attributes() -> None:
    error = JobFailed(queue="q", id="1", reason="boom", cause="error")
    assert (error.queue, error.reason, error.cause) == ("q", "boom", "error")
    with pytest.raises(AttributeError):
        _ = error.nothing


def test_a_sentence_shows_what_could_not_be_accepted() -> None:
    assert str(errors.InvalidName(what="the queue name", value="a\nb", problem="has control characters")) == (
        "the queue name 'a\\nb' has control characters"
    )
