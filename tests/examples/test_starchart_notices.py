"""S21: a notice is one mail in its window, and the job says how long that is."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import headrace
from examples.starchart.certificate_rows import Certificates, Mail
from examples.starchart.notice_scenario import S21, s21
from examples.starchart.notices import QUEUE, WINDOW_S, Notify, notifying
from headrace.cli import main
from headrace.testing import Bench
from tests.examples.play import Play

OWNER, SUBJECT = "ada@students.example", "your certificate expires"


async def test_s21_a_notice_is_one_mail_in_its_window_and_one_after_it(stage: Play) -> None:
    await stage.ends(S21.expected, s21(stage.stage))
    assert stage.runs == {"send_notice": 2}


class Office:
    def __init__(self, rows: Certificates) -> None:
        self.app = headrace.App()
        self.rows = rows
        self.notify: Notify = notifying(self.app, rows, scale=1)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(Certificates(tmp_path / "rows.db"))


@pytest.fixture
def bench(office: Office) -> Iterator[Bench]:
    with Bench(office.app) as bench:
        yield bench


async def test_the_window_begins_with_the_first_and_ends_on_time(office: Office, bench: Bench) -> None:
    for _ in range(10):
        await office.app.enqueue(office.notify(OWNER, SUBJECT))
        bench.clock.tick(WINDOW_S / 10 - 0.001)
        await bench.run_until_idle()
    assert office.rows.mails() == [Mail(OWNER, SUBJECT)]
    bench.clock.tick(0.01)
    await office.app.enqueue(office.notify(OWNER, SUBJECT))
    await bench.run_until_idle()
    assert office.rows.mails() == [Mail(OWNER, SUBJECT)] * 2


async def test_another_owner_or_matter_is_another_notice(office: Office, bench: Bench) -> None:
    notices = [(OWNER, SUBJECT), ("bob@students.example", SUBJECT), (OWNER, "your name is active")]
    await office.app.enqueue_many([office.notify(*notice) for notice in notices])
    await bench.run_until_idle()
    assert sorted(office.rows.mails()) == sorted(Mail(*notice) for notice in notices)


def test_the_job_shows_its_key_and_how_long_it_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    app = headrace.App(url)
    notify = notifying(app, Certificates(tmp_path / "rows.db"), scale=1)
    with app:
        job = app.enqueue.sync(notify(OWNER, SUBJECT))
    assert main(["jobs", "show", f"{QUEUE}/{job.id}", "--url", url]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("dedup")]
    assert line.split(maxsplit=1)[1] == f"{OWNER}: {SUBJECT}, for {WINDOW_S} s"
    assert main(["jobs", "show", f"{QUEUE}/{job.id}", "--url", url, "--json"]) == 0
    dedup = json.loads(capsys.readouterr().out)["options"]["dedup"]
    assert (dedup["key"], dedup["ttl_ms"]) == (f"{OWNER}: {SUBJECT}", WINDOW_S * 1000)
