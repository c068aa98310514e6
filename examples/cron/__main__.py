"""`python -m examples.cron`: a week of nightly reports, in which clocks are set and workers are away for a while.

The week passes in a moment: a bench lends the app a clock that is moved by hand, and a store that goes by it.
"""

import asyncio
from datetime import datetime, timedelta

from examples.cron.nightly import BERLIN, NIGHTLY, make_nights
from headrace.testing import Bench

DAY = timedelta(days=1)
NOON = datetime(2026, 10, 23, 12, tzinfo=BERLIN)


def show_nights(title: str, after: datetime) -> None:
    """Print the slots of the next three nights; nothing has to be stored for that."""
    print(title)
    for slot in NIGHTLY.next(3, after=after):
        print(f"  {slot.astimezone(BERLIN):%a %d %b %H:%M %Z}, which is {slot:%H:%M} UTC")


async def main() -> None:
    """Show both nights in which clocks are set, then live through the one in autumn and a stop of three days."""
    show_nights("In spring a night has no 02:30:", datetime(2026, 3, 27, 12, tzinfo=BERLIN))
    show_nights("In autumn a night has two:", NOON)

    nights = make_nights("memory://", lambda text: print(f"  {text}"))
    async with Bench(nights.app) as bench:
        bench.clock.now = round(NOON.timestamp() * 1000)
        await nights.put()
        for wait, text in ((DAY, "A worker on"), (DAY, "A worker on"), (3 * DAY, "None since then until")):
            bench.clock.tick(wait)
            print(f"{text} {datetime.fromtimestamp(bench.clock.now / 1000, BERLIN):%A}:")
            await bench.run_until_idle()
        print(f"backup: {(await nights.app.schedules.why('backup'))[0]}")


if __name__ == "__main__":
    asyncio.run(main())
