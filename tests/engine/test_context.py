import asyncio
from typing import Any

import pytest

from headrace.core import codec
from headrace.core.commands import Add, Count, Lines, Settle
from headrace.core.errors import LeaseLost, Misuse, NoSuchChild
from headrace.core.jobs import JobRef, NewJob, Options, Parent
from headrace.core.lifecycle import settle
from headrace.core.outcomes import Done, WaitForChildren
from headrace.engine.context import LINE_MAX, Child, Context, current
from headrace.storage.protocol import Storage, granted
from headrace.worker import Worker
from tests.engine.simulation import clock, simulated
from tests.engine.workshop import add, get, memory, registry, run_until_idle


class Typed:
    """A task as `Context.child` wants it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def load_result(self, text: str, /) -> int:
        return int(codec.decode(text))


async def flow(store: Storage, *children: NewJob, parent: str = "parent") -> JobRef:
    top = NewJob("q", parent, id="top", has_children=True)
    await store.run(Add((top, *children)))
    return JobRef("q", "top")


def child(name: str, data: str = "{}", policy: Any = "fail_parent", **options: Any) -> NewJob:
    return NewJob("q", name, data, parent=Parent("q", "top", policy), options=Options(**options))


async def double(x: int) -> int:
    return 2 * x


async def boom() -> None:
    raise ValueError("no")


def test_there_is_no_context_outside_a_handler() -> None:
    with pytest.raises(Misuse, match="inside a handler"):
        current()


@simulated
async def test_the_context_knows_the_job_and_the_attempt() -> None:
    seen = []

    async def note(x: str) -> None:
        context = current()
        seen.append((context.job.queue, context.job.id, context.job.name, context.job.data, context.attempt))
        if context.attempt == 1:
            raise ValueError("again")

    store = await memory()
    await add(store, "note?x=1", attempts=2)
    await run_until_idle(store, registry(note))
    assert seen == [("q", "1", "note", '{"x":"1"}', 1), ("q", "1", "note", '{"x":"1"}', 2)]


@simulated
async def test_two_jobs_at_once_have_their_own_contexts_also_in_what_they_call() -> None:
    seen = []

    async def helper() -> str:
        await asyncio.sleep(1)
        return current().job.id

    async def note() -> None:
        seen.append((current().job.id, await asyncio.create_task(helper())))

    store = await memory()
    await add(store, "note", "note")
    await run_until_idle(store, registry(note))
    assert sorted(seen) == [("1", "1"), ("2", "2")]


@simulated
async def test_progress_and_log_lines_are_kept_with_the_job() -> None:
    async def note() -> None:
        await current().progress({"done": 50})
        await current().log("asked")
        await current().log("half \udc80\0")
        await current().log("\U0001f600" * 100_000)

    store = await memory()
    (ref,) = await add(store, "note")
    await run_until_idle(store, registry(note))
    assert (await get(store, ref)).progress == '{"done":50}'
    reply = await store.run(Lines(ref))
    assert granted(reply).lines == ("asked", "half ?\ufffd", "\U0001f600" * LINE_MAX)


def test_a_plain_function_in_a_thread_has_the_context_and_its_blocking_forms() -> None:
    async def check() -> None:
        from headrace.storage import open as open_store

        store = open_store("memory://")
        await store.open()
        seen: list[bool] = []

        def note() -> str:
            context = current()
            context.progress.sync(7)
            context.log.sync("from a thread")
            seen.append(context.cancelled)
            return context.job.id

        (ref,) = await add(store, "note")
        await run_until_idle(store, registry(note, executor="thread"))
        job = await get(store, ref)
        assert (job.state, job.result, job.progress, seen) == ("completed", '"1"', "7", [False])
        await store.close()

    asyncio.run(check())


@simulated
async def test_a_parent_reads_the_results_of_its_children_by_task() -> None:
    got: dict[str, Any] = {}

    async def parent() -> None:
        context = current()
        got["children"] = await context.children(Typed("double"))
        got["child"] = await context.child(Typed("triple"))
        got["keys"] = list(await context.children_by_key())

    async def triple(x: int) -> int:
        return 3 * x

    store = await memory()
    await flow(store, child("double", '{"x":1}'), child("triple", '{"x":2}'), child("double", '{"x":3}'))
    await run_until_idle(store, registry(parent, double, triple))
    assert got == {"children": [2, 6], "child": 6, "keys": ["q/2", "q/3", "q/4"]}


@simulated
async def test_child_wants_exactly_one() -> None:
    said = []

    async def parent() -> None:
        for name in ("double", "none"):
            with pytest.raises(NoSuchChild) as refusal:
                await current().child(Typed(name))
            said.append(str(refusal.value))

    store = await memory()
    ref = await flow(store, child("double", '{"x":1}'), child("double", '{"x":2}'))
    await run_until_idle(store, registry(parent, double))
    assert (await get(store, ref)).state == "completed"
    assert said == [
        "q/top has 2 completed children of the task 'double', not exactly one",
        "q/top has no completed child of the task 'none', not exactly one",
    ]


@simulated
async def test_what_a_run_says_after_its_lease_is_lost_is_refused() -> None:
    store = await memory()
    kept: list[Context] = []

    async def note() -> None:
        kept.append(current())

    await add(store, "note")
    await run_until_idle(store, registry(note))
    with pytest.raises(LeaseLost):
        await kept[0].progress(1)
    assert kept[0].cancelled


@simulated
async def test_a_background_task_of_a_handler_is_refused_once_the_job_is_another_workers() -> None:
    store = await memory()
    seen: list[tuple[bool, bool]] = []

    async def note() -> None:
        context = current()
        try:
            await asyncio.sleep(100)
        finally:
            seen.append((context.cancelled, context.lease_lost))

    await add(store, "note")
    async with Worker(store, registry(note)) as worker:
        await asyncio.sleep(1)
        await worker.hand_back()
    assert seen == [(True, False)]


class Added:
    """A call as `Context.add_child` wants it."""

    def new_job(self) -> None: ...

    def jobs(self, parent: Parent, /) -> list[NewJob]:
        return [NewJob("q", "double", '{"x":4}', parent=parent)]


@simulated
async def test_children_are_added_under_the_lease_of_their_parent_only() -> None:
    store = await memory()
    seen: list[bool] = []

    async def note() -> None:
        context = current()
        await store.run(Settle((settle(context.job, Done(), 0.0),)))
        with pytest.raises(LeaseLost):
            await context.add_child(Added())
        seen.append(context.lease_lost)
        kept.append(context)

    kept: list[Context] = []
    await add(store, "note")
    await run_until_idle(store, registry(note))
    with pytest.raises(LeaseLost):
        await kept[0].add_child(Added())
    assert seen == [True]
    assert (await store.run(Count(("q",)))).queues["q"]["waiting"] == 0


@simulated
async def test_a_run_that_added_children_that_are_done_already_comes_back_at_once() -> None:
    store = await memory()
    got: list[list[int]] = []

    async def parent() -> None:
        context = current()
        if not await context.children_by_key():
            await context.add_child(Added())
            await asyncio.sleep(60)  # the child is done long before
            raise WaitForChildren
        got.append(await context.children(Typed("double")))

    (ref,) = await add(store, "parent")
    began = clock()
    await run_until_idle(store, registry(parent, double))
    assert got == [[8]]
    assert (await get(store, ref)).finished_at == began + 60_000


def test_child_is_a_plain_value() -> None:
    assert Child("q", "1", "double", "completed", 2, None, True).result == 2
