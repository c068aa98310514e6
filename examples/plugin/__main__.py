"""`python -m examples.plugin`: an app that is watched by a plugin."""

import asyncio

import headrace
from examples.plugin import watchful

app = headrace.App("memory://")
app.plugin(watchful)


@app.task(queue="mail")
async def send(to: str) -> str:
    if "@" not in to:
        raise headrace.Unrecoverable(f"{to} is no address")
    return f"sent to {to}"


async def main() -> None:
    async with app:
        for to in ("ada@example.org", "bob"):
            await send.enqueue(to)
        await app.worker("mail").run_until_idle()
        told = await app.queue("watchful").add("watchful.seen")
        await app.worker("watchful").run_until_idle()
        print(await told.result(timeout=0))


if __name__ == "__main__":
    asyncio.run(main())
