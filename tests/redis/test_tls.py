"""TLS: verified unless the URL says otherwise."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec import structs

from headrace.core.commands import Add
from headrace.core.errors import BadUrl, CannotOpen
from headrace.core.servers import unsafe
from headrace.storage.redis import RedisStore
from headrace.storage.redis.inspect import inspect
from tests.conformance.desk import Desk, new, ref
from tests.redis.choir import Choir
from tests.servers.certificates import Certificates
from tests.servers.process import CannotRun
from tests.servers.proxy import between


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certificates]:
    try:
        yield Certificates(tmp_path_factory.mktemp("papers"))
    except CannotRun as reason:
        pytest.skip(str(reason))


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


def path_of(url: str) -> str:
    """Which names the database: one that was given may be another than the first."""
    return urlsplit(url).path


async def opened(url: str, prefix: str) -> str:
    """The state of a job that was added by way of `url`."""
    store = RedisStore(url, prefix=prefix)
    await store.open()
    try:
        await store.run(Add((new(),)))
        return (await Desk(store).record(ref("1"))).state
    finally:
        await store.close()


async def test_workers_work_by_tls(valkey_url: str, papers: Certificates, prefix: str) -> None:
    with between(port_of(valkey_url), papers.context()) as proxy:
        url = f"rediss://127.0.0.1:{proxy.port}{path_of(valkey_url)}?ssl_ca_certs={papers.authority}"
        async with Choir(url, valkey_url, prefix=prefix) as choir:
            await choir.sing()
            proxy.cut()
            await choir.sing()


@pytest.mark.parametrize("trusted", ["nobody", "stranger"])
async def test_a_server_whose_certificate_nobody_vouches_for_is_refused(
    valkey_url: str, papers: Certificates, prefix: str, trusted: str
) -> None:
    options = f"?ssl_ca_certs={papers.stranger}" if trusted == "stranger" else ""
    refused = pytest.raises(CannotOpen, match=r"not trusted.*ssl_ca_certs")
    with between(port_of(valkey_url), papers.context()) as proxy, refused:
        await opened(f"rediss://127.0.0.1:{proxy.port}{path_of(valkey_url)}{options}", prefix)


async def test_a_certificate_for_another_host_is_refused_unless_the_url_says_otherwise(
    valkey_url: str, papers: Certificates, prefix: str
) -> None:
    with between(port_of(valkey_url), papers.context()) as proxy:
        url = f"rediss://localhost:{proxy.port}{path_of(valkey_url)}?ssl_ca_certs={papers.authority}"
        with pytest.raises(CannotOpen, match="not trusted"):
            await opened(url, prefix)
        assert await opened(f"{url}&ssl_check_hostname=false", prefix) == "waiting"


async def test_nothing_is_verified_if_the_url_says_so(valkey_url: str, papers: Certificates, prefix: str) -> None:
    with between(port_of(valkey_url), papers.context()) as proxy:
        assert (
            await opened(f"valkeys://127.0.0.1:{proxy.port}{path_of(valkey_url)}?ssl_cert_reqs=none", prefix)
            == "waiting"
        )


@pytest.mark.parametrize("option", ["ssl_cert_reqs=none", "ssl_check_hostname=false", "ssl_cert_reqs=optional", ""])
async def test_production_refuses_a_server_elsewhere_that_is_not_verified(
    valkey_url: str, papers: Certificates, prefix: str, option: str
) -> None:
    with between(port_of(valkey_url), papers.context()) as proxy:
        url = f"rediss://127.0.0.1:{proxy.port}{path_of(valkey_url)}?ssl_ca_certs={papers.authority}&{option}".rstrip(
            "&"
        )
        facts = await inspect(url, prefix)
    assert facts.problem == ""
    elsewhere = structs.replace(facts, is_local=False, is_open=False)
    problems = [problem for problem in unsafe(elsewhere) if "not checked" in problem]
    assert len(problems) == (option in ("ssl_cert_reqs=none", "ssl_check_hostname=false"))


async def test_a_server_that_asks_for_a_certificate_is_shown_one(
    valkey_url: str, papers: Certificates, prefix: str
) -> None:
    with between(port_of(valkey_url), papers.context(asks=True)) as proxy:
        url = f"rediss://127.0.0.1:{proxy.port}{path_of(valkey_url)}?ssl_ca_certs={papers.authority}"
        with pytest.raises(CannotOpen):
            await opened(url, prefix)
        shown = f"{url}&ssl_certfile={papers.certificate}&ssl_keyfile={papers.key}"
        assert await opened(shown, prefix) == "waiting"


async def test_tls_to_a_server_without_it_is_said(valkey_url: str, papers: Certificates, prefix: str) -> None:
    with pytest.raises(CannotOpen, match="TLS"):
        await opened(valkey_url.replace("redis:", "rediss:"), prefix)


def test_files_that_are_missing_or_no_certificates_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadUrl, match="no such file"):
        RedisStore(f"rediss://localhost/0?ssl_ca_certs={tmp_path / 'none.pem'}")
    (tmp_path / "bad.pem").write_text("hello")
    with pytest.raises(BadUrl, match="cannot be used"):
        RedisStore(f"rediss://localhost/0?ssl_ca_certs={tmp_path / 'bad.pem'}")
