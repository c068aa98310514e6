"""The app that `headrace worker` is started with; its store is where the environment says."""

import headrace

app = headrace.App()


@app.task
async def nothing(n: int) -> None:
    pass
