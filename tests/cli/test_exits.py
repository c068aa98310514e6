"""Every error has an exit code, and the showcase is found or missed politely."""

from pathlib import Path

import pytest

from headrace import errors
from headrace.cli import demo
from headrace.cli.failure import Exit, Stop, exit_of
from headrace.cli.text import clean, clean_json, clipped, instant, span
from tests.house.source import ROOT


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NoSuchJob(queue="a", id="1"), 3),
        (errors.NoSuchQueue(queue="a"), 3),
        (errors.WrongState(queue="a", id="1", state="active"), 1),
        (errors.JobFailed(queue="a", id="1", reason="so"), 1),
        (errors.ResultTimeout(queue="a", id="1", timeout=1), 1),
        (errors.QueueFull(queue="a"), 1),
        (errors.InvalidData(task="a", problem="so"), 2),
        (errors.InvalidOption("so"), 2),
        (errors.Denied("so"), 4),
        (errors.Unavailable(problem="so"), 69),
        (errors.CannotOpen(path="a", problem="so"), 69),
        (errors.BadUrl(url="a", problem="so"), 78),
        (errors.BadConfig("so", problems=()), 78),
        (errors.SchemaTooNew(path="a", found=2, known=1), 78),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_has_the_exit_code_of_its_kind(error: errors.HeadraceError, code: int) -> None:
    assert exit_of(error) == code


def test_the_showcase_is_found_in_a_checkout() -> None:
    assert demo.CHECKOUT == ROOT
    assert demo.place(ROOT) == "examples.starchart.scenario"


def test_without_a_showcase_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="in the repository, under examples/starchart") as stop:
        demo.place(tmp_path)
    assert stop.value.exit is Exit.NOT_FOUND


def test_text_for_people() -> None:
    assert clean("a\x1b[31m\nb\x9b\u2066ü\ud800") == "a\\x1b[31m\\nb\\x9b\\u2066ü\\ud800"
    assert clean("a\n\tb\r", lines=True) == "a\n\tb\\r"
    assert clean_json('{\n"a":"\x7f\u202e"}') == '{\n"a":"\\u007f\\u202e"}'
    assert clipped("abcdef", 4) == "abc…"
    assert instant(0) == "1970-01-01 00:00:00 UTC"
    assert [span(ms) for ms in (-5, 999, 61_000, 7_200_000, 90_000_000)] == ["0ms", "999ms", "1m", "2h", "1d"]
