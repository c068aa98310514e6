"""BullMQ for Python as a peer, by the protocol of bullmq.cjs, in an environment of its own without Headrace."""

import asyncio
import json
import os
import resource
import sys
import time
from typing import Any

from bullmq import Queue, Worker

TEXT = "about a hundred bytes of payload, as a small job of every day has it"
BULK = 1000


def processor_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def measured(count: int, work: Any) -> dict[str, float]:
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    spent, start = processor_s(), time.perf_counter()
    await work()
    return {"rate": count / (time.perf_counter() - start), "processor_us": (processor_s() - spent) / count * 1e6}


async def drain(settings: dict[str, Any], *, count: int, concurrency: int) -> Any:
    ended = asyncio.get_running_loop().create_future()
    done = 0

    async def nothing(_job: Any, _token: str) -> None:
        return None

    def note(*_: object) -> None:
        nonlocal done
        done += 1
        if done == count:
            ended.set_result(None)

    worker = Worker("bench", nothing, {**settings, "concurrency": concurrency, "autorun": False})
    worker.on("completed", note)

    async def work() -> None:
        running = asyncio.ensure_future(worker.run())
        await asyncio.wait([running, ended], return_when=asyncio.FIRST_COMPLETED)
        assert ended.done()

    return await measured(count, work)


async def add_bulk(settings: dict[str, Any], *, count: int) -> Any:
    queue = Queue("bench", settings)

    async def work() -> None:
        for at in range(0, count, BULK):
            page = range(at, min(at + BULK, count))
            await queue.addBulk([{"name": "nothing", "data": {"n": n, "text": TEXT}, "opts": {}} for n in page])

    return await measured(count, work)


async def add_single(settings: dict[str, Any], *, count: int, tasks: int) -> Any:
    queue, each = Queue("bench", settings), count // tasks

    async def add() -> None:
        for n in range(each):
            await queue.add("nothing", {"n": n, "text": TEXT}, {})

    async def work() -> None:
        await asyncio.gather(*(add() for _ in range(tasks)))

    return await measured(each * tasks, work)


async def main() -> None:
    host, port, verb, given = sys.argv[1:]
    settings = {"connection": {"host": host, "port": int(port)}, "prefix": "bench"}
    verbs = {verb.__name__: verb for verb in (drain, add_bulk, add_single)}
    print(json.dumps(await verbs[verb](settings, **json.loads(given))), flush=True)
    sys.stdin.readline()  # whoever asked looks at the server first
    sys.stdout.flush()
    os._exit(0)  # its connections have no end of their own


if __name__ == "__main__":
    asyncio.run(main())
