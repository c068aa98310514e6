"""`headrace worker` as a process: it starts, works, drains, hands back."""

import signal
from pathlib import Path

from tests.cli.project import ON_EACH, Project

pytestmark = ON_EACH


def test_a_worker_says_what_it_serves_and_runs_jobs(project: Project) -> None:
    with project.running("worker", "jobs:app") as worker:
        assert worker.line("ready").endswith("ready: queues mail, default; tasks fail, gated, greet")
        done = project.run("enqueue", "jobs:app", "greet", "name=Ada", "--wait")
        assert (done.code, done.out) == (0, "hello Ada\n")
        failed = project.run("enqueue", "jobs:app", "fail", "reason=so it is", "--wait")
        assert (failed.code, failed.out) == (1, "")
        assert failed.err.splitlines()[-1] == "headrace: mail/2 failed: so it is (job-failed)"
        worker.signal()
        assert worker.end() == 0


def test_the_first_signal_lets_running_jobs_end(project: Project) -> None:
    job = project.run("enqueue", "jobs:app", "gated", f"gate={project.gate}").out.strip()
    with project.running("worker", "jobs:app") as worker:
        project.until("default", "active")
        worker.signal(signal.SIGINT)
        worker.line("jobs may end")  # a claim may be on its way yet
        waiting = project.add("gated", {"gate": ""}, queue="default")
        project.gate.touch()
        assert worker.end() == 0
    assert project.record(job).state == "completed"
    assert project.record(waiting).state == "waiting"


def test_the_second_signal_hands_running_jobs_back_unburnt_and_the_third_does_nothing(project: Project) -> None:
    job = project.run("enqueue", "jobs:app", "gated", f"gate={project.gate}").out.strip()
    with project.running("worker", "jobs:app") as worker:
        project.until("default", "active")
        worker.signal()
        worker.line("jobs may end")  # a claim may be on its way yet
        worker.signal()
        worker.line("1 jobs are handed back")
        worker.signal()
        assert worker.end() == 0
    record = project.record(job)
    assert (record.state, record.attempts_made, record.stalls) == ("waiting", 0, 0)


def test_queues_and_concurrency_can_be_chosen(project: Project) -> None:
    with project.running("worker", "jobs:app", "-q", "mail", "-c", "3") as worker:
        assert "queues mail; tasks fail, greet" in worker.line("ready")
        assert project.run("queues", "show", "mail").code == 3  # a worker makes no queue
        project.add(queue="mail")
        shown = project.run("queues", "show", "mail", "--json").json
        assert shown["workers"][0]["concurrency"] == 3
        worker.signal()
        assert worker.end() == 0


def test_a_url_on_the_command_line_is_the_store_of_the_app(project: Project, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'else.db'}" if project.url.startswith("sqlite") else project.url[:-1] + "1"
    assert project.run("enqueue", "jobs:app", "greet", "name=x", "--url", url).code == 0
    with project.running("worker", "jobs:app", "--url", url) as worker:
        worker.ready()
        assert project.run("enqueue", "jobs:app", "greet", "name=y", "--wait", HEADRACE_URL=url).out == "hello y\n"
        worker.signal()
        assert worker.end() == 0
    assert not (project.folder / "headrace.db").exists()


def test_the_way_to_the_first_job_does_not_lead_through_rich(project: Project) -> None:
    with project.code.open("a") as code:
        code.write("import sys\n@app.on('started')\ndef said():\n    print('rich' in sys.modules, file=sys.stderr)\n")
    with project.running("worker", "jobs:app") as worker:
        assert worker.line("e") == "False"
        worker.ready()


def test_a_worker_without_handlers_for_a_queue_does_not_start(project: Project) -> None:
    done = project.run("worker", "jobs:app", "-q", "mial")
    assert done.code == 2
    assert "'mial'" in done.err
    assert "Traceback" not in done.err
