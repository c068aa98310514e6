import smtplib
from collections.abc import Callable, Iterator

import pytest

import headrace
from examples.mail.letters import make_app
from examples.mail.server import MailServer
from headrace import storage

ADA, EVE = "ada@example.org", "eve@example.org"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer(greylisted={ADA: 2}, unknown=frozenset({EVE})) as running:
        yield running


@pytest.fixture(params=["memory", "redis"])
def app(request: pytest.FixtureRequest, server: MailServer, prefix_on: Callable[[str], str]) -> headrace.App:
    app = make_app("memory://", server.address, pause=0)
    if request.param == "redis":
        url = request.getfixturevalue("valkey_url")
        prefix = prefix_on(url)
        app.use_store(lambda: storage.open(url, prefix=prefix))
    return app


async def sent(app: headrace.App, to: str) -> headrace.JobRecord:
    async with app:
        job = await app.tasks["send"].enqueue(to, "Hello", "A line.\n.A line with a dot.")
        await app.worker().run_until_idle()
        return await job.refresh()


async def test_a_refusal_for_now_is_tried_again_until_the_letter_is_taken(
    app: headrace.App, server: MailServer
) -> None:
    record = await sent(app, ADA)
    assert (record.state, record.attempts_made) == ("completed", 3)
    assert [failure.reason for failure in record.failures] == ["451 try again later"] * 2
    ((recipient, text),) = server.letters
    assert recipient == ADA
    assert "Message-ID: <mail.1@shop.example.org>" in text
    assert text.endswith("A line.\n.A line with a dot.")


async def test_a_refusal_for_good_is_not_tried_again(app: headrace.App, server: MailServer) -> None:
    record = await sent(app, EVE)
    assert (record.state, record.attempts_made) == ("failed", 1)
    assert record.failure is not None
    assert (record.failure.cause, record.failure.reason) == ("unrecoverable", "550 no such mailbox")
    assert server.letters == []


async def test_a_server_that_is_away_costs_attempts_and_no_letter(server: MailServer) -> None:
    with MailServer() as gone:
        address = gone.address
    record = await sent(make_app("memory://", address, pause=0), ADA)
    assert (record.state, record.attempts_made) == ("failed", 5)
    assert {failure.kind for failure in record.failures} == {"ConnectionRefusedError"}


def test_the_server_speaks_smtp(server: MailServer) -> None:
    with smtplib.SMTP(*server.address, timeout=5) as client:
        assert client.noop()[0] == 250
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("shop@example.org", [EVE], "text")
