"""`python -m examples.mail`: three letters, one of them delayed, one refused for good."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from examples.mail.letters import make_app
from examples.mail.server import MailServer
from headrace.errors import JobFailed

PEOPLE = ("ada@example.org", "bob@example.org", "eve@example.org")


async def main(folder: Path) -> None:
    """Add the letters, work until each has an end, and say which."""
    with MailServer(greylisted={PEOPLE[0]: 2}, unknown=frozenset({PEOPLE[2]})) as server:
        app = make_app(f"sqlite:///{folder}/headrace.db", server.address, pause=0.1)
        send = app.tasks["send"]
        async with app, app.worker():
            calls = [send.call(to, "Your order", "It is on its way.").options(job_id=f"order-7-{to}") for to in PEOPLE]
            for to, job in zip(PEOPLE, await app.enqueue_many(calls), strict=True):
                try:
                    await job.result(timeout=30)
                    end, why = "delivered", ""
                except JobFailed as error:
                    end, why = "given up", f": {error.reason}"
                record = await job.refresh()
                print(f"{to:17} {end} at attempt {record.attempts_made}{why}")
        print(f"the server has {len(server.letters)} letters")


if __name__ == "__main__":
    with TemporaryDirectory() as made:
        asyncio.run(main(Path(made)))
