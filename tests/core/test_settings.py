"""Settings are made of layers; every fault of every layer is told at once."""

import pytest

from headrace.core.errors import BadConfig
from headrace.core.jobs import Keep
from headrace.core.settings import Retention, Settings, masked, resolve, span_s


def problems(*layers: tuple[str, dict[str, object]]) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        resolve(layers)
    found = caught.value.fields["problems"]
    assert isinstance(found, tuple)
    return list(found)


def test_without_layers_there_are_the_defaults() -> None:
    settings = resolve([]).settings
    assert settings == Settings()
    assert settings.keep_completed.keep == Keep(age_ms=86_400_000)
    assert settings.keep_failed.keep == Keep(age_ms=7 * 86_400_000)


def test_a_later_layer_wins_key_by_key() -> None:
    found = resolve(
        [
            ("file", {"lease": "10s", "concurrency": 5, "keep_failed": {"age": "1d", "count": 10}}),
            ("environment", {"lease": "20s", "keep_failed": {"age": "2d"}}),
        ]
    )
    assert (found.settings.lease, found.settings.concurrency) == (20.0, 5)
    assert found.settings.keep_failed == Retention(10, 2 * 86_400.0)
    assert found.origins == {
        "lease": "environment",
        "concurrency": "file",
        "keep_failed.age": "environment",
        "keep_failed.count": "file",
    }


def test_every_problem_of_every_layer_is_told_at_once_with_its_place_and_a_suggestion() -> None:
    assert problems(
        ("file", {"lese": 5, "concurrency": "many", "keep_completed": "7d"}),
        ("HEADRACE_X", {"x": "y", "keep_failed": {"ages": 1}}),
    ) == [
        "file: lese is unknown; did you mean lease?",
        "file: concurrency is 'many'; it is a whole number",
        "file: keep_completed holds keep_completed.count and keep_completed.age; set these",
        "HEADRACE_X: x is unknown; known are " + ", ".join(setting.key for setting in resolve([]).describe()),
        "HEADRACE_X: keep_failed.ages is unknown; did you mean keep_failed.age?",
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("concurrency", 0),
        ("concurrency", True),
        ("concurrency", 1.5),
        ("concurrency", 10_001),
        ("lease", 0),
        ("lease", "soon"),
        ("lease", {"s": 1}),
        ("lease", [1]),
        ("lease", None),
        ("poll", -1),
        ("poll", float("nan")),
        ("url", ""),
        ("url", 5),
        ("environment", "prod"),
        ("environment", []),
        ("data_max", 0),
    ],
)
def test_a_value_out_of_bounds_or_of_another_type_is_a_problem(key: str, value: object) -> None:
    (problem,) = problems(("file", {key: value}))
    assert problem.startswith(f"file: {key} ")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("30", 30), ("1.5h", 5400), ("7d", 604_800), ("250ms", 0.25), (" 2 m ", 120), (5, 5), (0.5, 0.5)],
)
def test_spans_are_text_with_a_unit_or_seconds(text: object, seconds: float) -> None:
    assert span_s(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "7 days", "-1s", "1e3s", "1h30m", True, None, "9999999d", float("inf")])
def test_what_is_no_span_says_what_one_looks_like(text: object) -> None:
    with pytest.raises(ValueError, match=r"span of time|write|must lie"):
        span_s(text)


def test_text_from_the_environment_is_read_as_what_it_means() -> None:
    found = resolve([("env", {"concurrency": "7", "keep_failed": {"count": "none", "age": "none"}})]).settings
    assert found.concurrency == 7
    assert found.keep_failed.keep == Keep()


def test_a_description_names_each_value_and_origin_and_no_secret() -> None:
    found = resolve([("HEADRACE_URL", {"url": "redis://anna:s3cret@db:6379/0?password=s3cret&x=1"})])
    told = {setting.key: (setting.value, setting.origin) for setting in found.describe()}
    assert told["url"] == ("redis://anna:***@db:6379/0?password=***&x=1", "HEADRACE_URL")
    assert told["lease"] == (30.0, "default")
    assert told["keep_completed.age"] == (86_400.0, "default")
    assert "s3cret" not in str(found.describe())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////data/headrace.db", "sqlite:////data/headrace.db"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("postgresql://user:p@ss@host/db", "postgresql://user:***@host/db"),
        ("redis://:secret@host", "redis://:***@host"),
    ],
)
def test_a_password_is_masked_wherever_it_stands(url: str, shown: str) -> None:
    assert masked(url) == shown
