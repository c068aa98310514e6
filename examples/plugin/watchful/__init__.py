"""A plugin that keeps an eye on an app: it counts what runs, remembers what failed, and has a task that tells."""

from collections import Counter

import headrace
from headrace.engine.hooks import Next


def register(app: headrace.App) -> None:
    """What Headrace calls; all that the plugin knows belongs to this app."""
    runs: Counter[str] = Counter()
    failures: dict[str, str] = {}

    @app.middleware
    async def count(context: headrace.Context, next: Next) -> object:
        runs[context.job.name] += 1
        return await next()

    @app.on("failed")
    def remember(job: headrace.Job[object], failure: headrace.Failure) -> None:
        failures[str(job.ref)] = failure.reason

    @app.task(name="watchful.seen", queue="watchful")
    async def seen() -> dict[str, object]:
        """What this process has seen so far."""
        return {"runs": dict(runs), "failures": failures}
