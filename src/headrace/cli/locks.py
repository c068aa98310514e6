"""`headrace locks`: who holds them, and taking them away."""

import time
from typing import Annotated

from cyclopts import Parameter
from msgspec import structs

from headrace.cli import output
from headrace.cli.failure import Exit, Stop, meant, say
from headrace.cli.options import SHOWN, Shown, noun
from headrace.cli.store import opened
from headrace.cli.text import instant, span

app = noun("locks", "See and release locks.")


@app.command(name="list")
async def list_(
    name: Annotated[str | None, Parameter(name="NAME", help="Only who holds this lock.")] = None,
    /,
    *,
    common: Shown = SHOWN,
) -> None:
    """List who holds which lock, since when, and for how long if it is not renewed.

    Those whose names begin with headrace- are the workers' own.

    Example: headrace locks list
    """
    async with opened(common) as store:
        held = await store.locks.list(name)
    if common.json:
        output.document({"locks": [structs.asdict(lock) for lock in held]})
        return
    now = round(time.time() * 1000)
    rows = [
        (lock.name, lock.owner, str(lock.fence), instant(lock.taken_at), span(lock.expires_at - now)) for lock in held
    ]
    if rows:
        output.table(("LOCK", "OWNER", "FENCE", "SINCE", "ENDS IN"), rows, cut="OWNER")
    else:
        say("nobody holds a lock" if name is None else f"nobody holds the lock {name!r}")


@app.command
async def release(
    name: Annotated[str, Parameter(name="NAME", help="The lock.")],
    /,
    *,
    owner: Annotated[str | None, Parameter(metavar="OWNER", help="Only the hold of this owner.")] = None,
    common: Shown = SHOWN,
) -> None:
    """Take a lock away from whoever holds it; the next who waits gets it at once.

    The owner goes on until it learns of it, so be sure that it is gone.

    Example: headrace locks release billing
    """
    async with opened(common) as store:
        count = await store.locks.release(name, owner)
        held = await store.locks.list() if not count else []
    if not count:
        owners = [lock.owner for lock in held if lock.name == name]
        by, hint = "", meant(name, (lock.name for lock in held))
        if owner is not None and owners:
            by, hint = f" by {owner!r}", meant(owner, owners)
        raise Stop(f"the lock {name!r} is not held{by}{hint}", "no-such-lock", Exit.NOT_FOUND)
    if common.json:
        output.document({"released": count})
    else:
        output.line(f"{name} released")
