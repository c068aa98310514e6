"""The app and its task: what the web server adds and the worker runs."""

import asyncio
import os
import tempfile

import headrace

URL = os.environ.get("HEADRACE_URL") or f"sqlite:///{tempfile.gettempdir()}/headrace-webapp.db"
STEPS = 10


def make_app(url: str) -> headrace.App:
    """An app with the task `paint`."""
    app = headrace.App(url, settings=headrace.Settings())

    @app.task(queue="pictures", attempts=3, backoff=headrace.Exponential(1), timeout=600)
    async def paint(subject: str, seconds: float = 1) -> str:
        if not subject.strip():
            raise headrace.Unrecoverable("nothing to paint")
        ctx = headrace.context()
        for step in range(1, STEPS + 1):
            await asyncio.sleep(seconds / STEPS)  # the painting
            await ctx.progress(100 * step // STEPS)
        return f"a picture of {subject}"

    return app


app = make_app(URL)
