"""What may be a queue, a job's name, a job's id."""

import pytest

from headrace.core.errors import InvalidId, InvalidName
from headrace.core.names import ID_MAX, NAME_MAX, QUEUE_MAX, RESERVED_IDS, check_id, check_name, check_queue

ANYWHERE = ["", " ", "\t", "a\nb", "a\x00b", "a\x7fb", "a\x85b", "a\ud800b"]


@pytest.mark.parametrize("name", ["dns", "dns-update", "a.b_c", "{tenant}-mail", "{a}{b}", "Größe", "日本", "0"])
def test_a_queue_name_may_be_any_plain_word(name: str) -> None:
    assert check_queue(name) == name


@pytest.mark.parametrize("name", [*ANYWHERE, "a:b", "a/b", "a#b", "a+b", " a", "a ", "{a", "a}", "}{", "{a}}{"])
def test_a_queue_name_has_no_sign_that_separates_names(name: str) -> None:
    with pytest.raises(InvalidName) as caught:
        check_queue(name)
    assert caught.value.fields["value"] == name


@pytest.mark.parametrize("name", ["create_record", "addDbRecord:www-anna", "a/b#c+d", "ein Name mit Platz", "{"])
def test_a_job_name_may_be_any_text(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ANYWHERE)
def test_a_job_name_has_no_control_characters_and_is_not_empty(name: str) -> None:
    with pytest.raises(InvalidName):
        check_name(name)


@pytest.mark.parametrize("job_id", ["a", "a.png", "order-17", "a:b:c", "x1", "1x", "1.5", "0x1f"])
def test_a_job_id_may_be_any_word_that_is_not_a_number(job_id: str) -> None:
    assert check_id(job_id) == job_id


@pytest.mark.parametrize("job_id", [*ANYWHERE, "1", "007", "-3", "+3", "a:b", "a::c", ":a:", "a:b:c:d", "0:a:b"])
def test_a_job_id_cannot_be_mistaken_for_one_that_a_queue_gives(job_id: str) -> None:
    with pytest.raises(InvalidId):
        check_id(job_id)


@pytest.mark.parametrize("job_id", sorted(RESERVED_IDS))
def test_the_words_of_the_redis_layout_are_no_ids(job_id: str) -> None:
    with pytest.raises(InvalidId, match="reserved"):
        check_id(job_id)


def test_names_are_measured_in_bytes() -> None:
    assert check_queue("ö" * (QUEUE_MAX // 2))
    assert check_name("ö" * (NAME_MAX // 2))
    assert check_id("ö" * (ID_MAX // 2))
    for check, limit in ((check_queue, QUEUE_MAX), (check_name, NAME_MAX), (check_id, ID_MAX)):
        with pytest.raises((InvalidName, InvalidId), match="longer than"):
            check("ö" * (limit // 2) + "x")


def test_what_is_not_text_is_no_name() -> None:
    with pytest.raises(InvalidName, match="not text but int"):
        check_queue(5)  # type: ignore[arg-type]
