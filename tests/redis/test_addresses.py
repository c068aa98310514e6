"""What URLs of Redis say."""

import pytest

from headrace import storage
from headrace.core.errors import BadUrl, Misuse
from headrace.core.settings import masked
from headrace.storage.redis import RedisStore
from headrace.storage.redis.address import address_of
from headrace.storage.redis.finder import slot_of, tag_of


@pytest.mark.parametrize(
    ("url", "seeds", "database"),
    [
        ("redis://", (("localhost", 6379),), 0),
        ("redis://h", (("h", 6379),), 0),
        ("valkey://h:1/3", (("h", 1),), 3),
        ("redis://h?db=3", (("h", 6379),), 3),
        ("redis://[::1]:7/0", (("::1", 7),), 0),
        ("redis+sentinel://a,b:2/1?master=m", (("a", 26379), ("b", 2)), 1),
        ("valkey+cluster://a:1,b", (("a", 1), ("b", 6379)), 0),
    ],
)
def test_where_it_is(url: str, seeds: tuple[tuple[str, int], ...], database: int) -> None:
    address = address_of(url)
    assert (address.seeds, address.database) == (seeds, database)


def test_who_we_are() -> None:
    address = address_of("redis+sentinel://us%40er:p%2Fw%3A@a,b?master=m&sentinel_username=s&sentinel_password=t")
    assert (address.username, address.password) == ("us@er", "p/w:")
    assert (address.master, address.sentinel_username, address.sentinel_password) == ("m", "s", "t")
    assert address_of("redis://h?username=u&password=p").password == "p"
    assert address_of("redis://:p@h").username == ""


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://a:secret@h:port/0", "port that is no number"),
        ("redis://a:secret@h:99999/0", "port that is no number"),
        ("redis://a:secret@h/db", "database that is no number"),
        ("redis://a:secret@h/0?socket_timeout=1", "not known for it: socket_timeout"),
        ("redis://a:secret@h/0?ssl_ca_certs=x", "not known for it: ssl_ca_certs"),
        ("redis://a:secret@h?master=m", "not known for it: master"),
        ("redis://a:secret@h,i", r"redis\+sentinel:// or redis\+cluster://"),
        ("redis+sentinel://a:secret@h", r"\?master="),
        ("redis+cluster://a:secret@h/2", "only one"),
        ("rediss://a:secret@h?ssl_cert_reqs=maybe", "none, optional, required"),
        ("rediss://a:secret@h?ssl_check_hostname=maybe", "true or false"),
    ],
)
def test_what_cannot_be_is_said_without_the_password(url: str, said: str) -> None:
    with pytest.raises(BadUrl, match=said) as caught:
        storage.open(url)
    assert "secret" not in str(caught.value)


def test_a_url_is_shown_without_any_of_its_passwords() -> None:
    url = "redis+sentinel://u:secret@a:1,b:2/0?master=m&sentinel_password=secret&password=secret"
    assert masked(url) == "redis+sentinel://u:***@a:1,b:2/0?master=m&sentinel_password=***&password=***"


@pytest.mark.parametrize("prefix", ["bull", "{}", "a{", "a}b{", "{}{a}"])
def test_a_cluster_wants_a_prefix_that_keeps_all_keys_on_one_node(prefix: str) -> None:
    with pytest.raises(Misuse, match="on one node: write prefix="):
        RedisStore("redis+cluster://h", prefix=prefix)


def test_the_slot_is_that_of_the_cluster() -> None:
    RedisStore("redis+cluster://h", prefix="{bull}")
    assert [tag_of(prefix) for prefix in ("{bull}", "a{b}c", "{a}{b}", "{{a}")] == ["bull", "b", "a", "{a"]
    assert [slot_of(tag) for tag in ("123456789", "foo", "bull")] == [12739, 12182, slot_of("bull")]
