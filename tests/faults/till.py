"""A process that sells: `python -m tests.faults.till FILE FIRST [before|after]`.

A row and its flow are one transaction of its own; it prints the number of the row when that is committed. It goes on
until it is killed, or says `here` and stays there: before the first commit, or after it.
"""

import sys
import threading
from contextlib import closing
from pathlib import Path

import apsw

import headrace

TABLE = "create table if not exists orders (number integer primary key)"
BUSY_MS = 20_000


def shop(file: Path) -> tuple[headrace.App, headrace.Task[[int], int], headrace.Task[[int], int]]:
    """The app, the task of the parent and that of its child."""
    app = headrace.App(f"sqlite:///{file}", settings=headrace.Settings())

    @app.task
    async def ship(number: int) -> int:
        return number

    @app.task
    async def pack(number: int) -> int:
        return number

    return app, ship, pack


def main(file: str, first: str, halt: str = "") -> None:
    app, ship, pack = shop(Path(file))
    app.open.sync()
    with closing(apsw.Connection(file)) as db:
        db.set_busy_timeout(BUSY_MS)
        db.execute(TABLE)
        number = int(first)
        while True:
            db.execute("begin immediate")
            db.execute("insert into orders values (?)", (number,))
            app.within(db).enqueue.sync(ship.call(number).after(pack.call(number)))
            stay(halt == "before")
            db.execute("commit")
            stay(halt == "after")
            print(number, flush=True)
            number += 1


def stay(is_here: bool) -> None:
    if is_here:
        print("here", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
