"""Flows as users write them: policies, children that are added on the way, arguments that children provide."""

import asyncio
from itertools import chain
from typing import Any

import pytest

import headrace
from headrace.core.commands import Add, Claim, Settle, Source, Tree
from headrace.core.errors import DuplicateId, InvalidOption, Misuse, NoSuchJob, WrongState
from headrace.core.jobs import Parent
from headrace.core.lifecycle import settle
from headrace.core.outcomes import Done
from headrace.core.results import JobFailed
from headrace.storage import open as open_store
from headrace.testing import Faults, FaultyStore
from tests.engine.workshop import Watched


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("continue_parent", [("ignored", "no"), ("pending", None)]),
        ("ignore", [("ignored", "no"), ("completed", 2)]),
        ("drop", [("completed", 2)]),
    ],
)
async def test_a_parent_goes_on_without_a_failed_child_and_can_see_what_became_of_it(
    app: headrace.App, policy: Any, expected: list[Any]
) -> None:
    @app.task
    def leaf(n: int) -> int:
        if n == 1:
            raise headrace.Unrecoverable("no")
        return n

    @app.task
    async def root() -> list[Any]:
        children = (await headrace.context().children_by_key()).values()
        return [(child.fate, child.result or (child.failure and child.failure.reason)) for child in children]

    tree = await app.enqueue(root.call().after(leaf.call(1), leaf.call(2), if_failed=policy))
    await app.worker(concurrency=1).run_until_idle()
    assert await tree.result() == [list(pair) for pair in expected]


async def test_what_an_ignored_child_left_outlives_it(app: headrace.App) -> None:
    seen: list[Any] = []

    @app.task(keep_failed=headrace.Keep(count=0))
    def leaf() -> int:
        raise headrace.Unrecoverable("no")

    @app.task
    async def root() -> None:
        seen.extend((await headrace.context().children_by_key()).values())
        with pytest.raises(headrace.errors.NoSuchChild):
            await headrace.context().child(leaf)

    tree = await app.enqueue(root.call().after(leaf.call(), if_failed="ignore"))
    await app.worker().run_until_idle()
    assert await tree.state() == "completed"
    assert [(child.state, child.fate, child.failure) for child in seen] == [(None, "ignored", headrace.Failure("no"))]


async def test_a_parent_that_runs_adds_children_and_runs_again_when_they_are_done(app: headrace.App) -> None:
    runs: list[int] = []

    @app.task
    def count(letter: str, text: str) -> int:
        return text.count(letter)

    @app.task
    async def tally(text: str) -> list[int]:
        ctx = headrace.context()
        runs.append(ctx.attempt)
        if not await ctx.children_by_key():
            for letter in "abc":
                await ctx.add_child(count.call(letter, text))
            raise headrace.WaitForChildren
        return await ctx.children(count)

    job = await tally.enqueue("abacab")
    await app.worker().run_until_idle()
    assert await job.result() == [3, 2, 1]
    assert runs == [1, 1]
    assert (await job.refresh()).attempts_made == 1


async def test_a_child_with_an_id_is_added_once_whatever_becomes_of_it(app: headrace.App) -> None:
    ran: list[int] = []

    @app.task(keep_completed=headrace.Keep(count=0))
    def leaf(n: int) -> int:
        ran.append(n)
        return n

    @app.task
    async def root() -> list[int]:
        ctx = headrace.context()
        for n in range(2):
            await ctx.add_child(leaf.call(n).options(job_id=f"{ctx.job.id}-child-{n}"))
        if len(await ctx.children(leaf)) < 2:
            raise headrace.WaitForChildren
        return await ctx.children(leaf)

    job = await root.enqueue()
    await app.worker().run_until_idle()
    assert await job.result() == [0, 1]
    assert sorted(ran) == [0, 1]


async def test_a_run_that_adds_many_children_reads_once_what_it_has(app: headrace.App) -> None:
    await app.close()
    watched = Watched(open_store("memory://"))
    app.use_store(lambda: watched)

    @app.task
    def leaf(n: int) -> int:
        return n

    @app.task
    async def root() -> None:
        calls = [leaf.call(n).options(job_id=f"child-{n}") for n in (0, 1, 2, 1)]
        refs = [await headrace.context().add_child(call) for call in calls]
        assert [ref.id for ref in refs] == ["child-0", "child-1", "child-2", "child-1"]
        if headrace.context().job.attempts_started == 1:
            raise headrace.WaitForChildren

    job = await root.enqueue()
    await app.worker().run_until_idle()
    assert (await job.refresh()).attempts_started == 2
    commands = [type(command) for command in chain.from_iterable(watched.calls)]
    assert (commands.count(Tree), commands.count(Add)) == (2, 1 + 3)  # a read a run


async def test_a_child_whose_add_was_stored_though_the_answer_was_lost_is_found(app: headrace.App) -> None:
    await app.close()
    faults = Faults()
    store = open_store("memory://")
    app.use_store(lambda: FaultyStore(store, faults))

    @app.task
    def leaf(n: int) -> int:
        return n

    @app.task
    async def root() -> str:
        faults.lose(Add)
        return (await headrace.context().add_child(leaf.call(1).options(job_id="one"))).id

    job = await root.enqueue()
    await app.worker().run_until_idle()
    assert (await job.result(), faults.bites) == ("one", 1)


async def test_children_that_are_added_at_once_are_each_added_once(app: headrace.App) -> None:
    @app.task
    def leaf(n: int) -> int:
        return n

    @app.task
    async def root() -> list[int]:
        ctx = headrace.context()
        calls = [leaf.call(n).options(job_id=f"child-{n}") for n in (0, 1, 1, 0)]
        refs = await asyncio.gather(*map(ctx.add_child, calls))
        assert [ref.id for ref in refs] == ["child-0", "child-1", "child-1", "child-0"]
        if len(found := await ctx.children(leaf)) < 2:
            raise headrace.WaitForChildren
        return found

    job = await root.enqueue()
    await app.worker().run_until_idle()
    assert await job.result() == [0, 1]


async def test_a_child_that_somebody_else_gave_the_run_meanwhile_is_found(app: headrace.App) -> None:
    @app.task
    def leaf(n: int) -> int:
        return n

    @app.task
    async def root() -> list[str]:
        ctx = headrace.context()
        first = await ctx.add_child(leaf.call(1).options(job_id="first"))
        other = await (await app.get("default", ctx.job.id)).add_child(leaf.call(2).options(job_id="other"))
        assert await ctx.add_child(leaf.call(2).options(job_id="other")) == other.ref
        await app.enqueue(leaf.call(3).options(job_id="strange"))
        with pytest.raises(DuplicateId):
            await ctx.add_child(leaf.call(3).options(job_id="strange"))
        return [first.id, other.id]

    job = await root.enqueue()
    await app.worker().run_until_idle()
    assert await job.result() == ["first", "other"]


async def test_a_child_that_failed_and_was_dropped_is_not_added_again(app: headrace.App) -> None:
    runs: list[int] = []

    @app.task
    def leaf() -> None:
        raise headrace.Unrecoverable("no")

    @app.task
    async def root() -> list[str]:
        runs.append(1)
        ctx = headrace.context()
        await ctx.add_child(leaf.call().options(job_id="only"), if_failed="drop")
        if len(runs) == 1:
            raise headrace.WaitForChildren
        return list(await ctx.children_by_key())

    job = await root.enqueue()
    await app.worker().run_until_idle()
    assert await job.result() == []
    assert (await app.get("default", "only")).record.attempts_made == 1


async def test_a_child_may_bring_a_flow_and_a_policy(app: headrace.App) -> None:
    @app.task
    def leaf() -> int:
        return 1

    @app.task
    async def middle() -> int:
        await headrace.context().child(leaf)
        raise headrace.Unrecoverable("no")

    @app.task
    def root() -> None:
        ctx = headrace.context()
        if not ctx.children_by_key.sync():
            ctx.add_child.sync(middle.call().after(leaf.call()), if_failed="ignore")
            raise headrace.WaitForChildren

    job = await app.enqueue(root.call())
    await app.worker().run_until_idle()
    assert await job.state() == "completed"
    assert [node.ignored for node in (await app.tree(job)).nodes] == [None, "no", None]


async def test_a_job_that_waits_can_be_given_another_child(app: headrace.App) -> None:
    @app.task
    def leaf(n: int) -> int:
        return n

    @app.task
    async def root() -> list[int]:
        return await headrace.context().children(leaf)

    tree = await app.enqueue(root.call().after(leaf.call(1)))
    child = await tree.add_child(leaf.call(2), if_failed="wait")
    assert (await child.refresh()).parent == Parent("default", tree.id, "wait")
    await app.worker().run_until_idle()
    assert await tree.result() == [1, 2]
    assert await child.result() == 2
    with pytest.raises(WrongState):
        await tree.add_child(leaf.call(3))
    with pytest.raises(Misuse, match=r"takes a call, not PlainTask; write task\.call"):
        await tree.add_child(leaf)  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="did you mean wait"):
        await tree.add_child(leaf.call(3), if_failed="wat")  # type: ignore[arg-type]


async def test_an_argument_may_come_from_a_child(app: headrace.App) -> None:
    @app.task
    def create(name: str) -> dict[str, int]:
        return {name: 7}

    @app.task
    async def check(name: str, *, change: dict[str, int] = headrace.from_child(create)) -> int:
        return change[name]

    tree = await app.enqueue(check.call("www").after(create.call("www")))
    given = await check.enqueue("www", change={"www": 8})
    await app.worker().run_until_idle()
    assert (await tree.result(), await given.result()) == (7, 8)
    assert await check("a", change={"a": 1}) == 1


async def test_an_argument_without_its_child_is_refused_before_anything_is_stored(app: headrace.App) -> None:
    @app.task
    def create() -> str:
        return "C1"

    @app.task
    def check(change: str = headrace.from_child(create)) -> str:
        return change

    @app.task
    def root() -> None: ...

    with pytest.raises(Misuse, match=r"check comes from a child of the task 'create', and check has no child of it"):
        await check.enqueue()
    with pytest.raises(Misuse, match="has no child of it"):
        await app.enqueue(root.call().after(check.call(), create.call()))
    with pytest.raises(Misuse, match="has 2 children of it"):
        await app.enqueue(check.call().after(create.call(), create.call()))
    with pytest.raises(Misuse, match="called directly has no children; give the arguments from create"):
        check()
    with pytest.raises(Misuse, match="from_child takes a task"):
        headrace.from_child(print)  # type: ignore[arg-type]
    assert await app.queues() == []


async def test_an_argument_whose_child_failed_fails_the_job_without_running_it(app: headrace.App) -> None:
    ran: list[str] = []

    @app.task
    def create() -> str:
        raise headrace.Unrecoverable("no")

    @app.task(attempts=5)
    def check(change: str = headrace.from_child(create)) -> None:
        ran.append(change)

    tree = await app.enqueue(check.call().after(create.call(), if_failed="ignore"))
    await app.worker().run_until_idle()
    with pytest.raises(JobFailed, match="no completed child of the task 'create'") as caught:
        await tree.result()
    assert (caught.value.cause, caught.value.kind, ran) == ("invalid-data", "NoSuchChild", [])
    assert (await tree.refresh()).attempts_made == 1


async def test_a_failed_flow_is_repaired_by_retrying_its_jobs_in_any_order(app: headrace.App) -> None:
    broken = [True]

    @app.task
    def leaf() -> int:
        if broken:
            raise headrace.Unrecoverable("no")
        return 5

    @app.task
    async def root() -> int:
        return await headrace.context().child(leaf)

    tree = await app.enqueue(root.call().after(leaf.call()))
    await app.worker().run_until_idle()
    assert await tree.state() == "failed"
    await tree.retry()
    (child,) = await tree.children()
    assert await tree.why() == [
        f"it waits for the child {child.job} (leaf), which is failed and must be retried or removed: no"
    ]
    broken.clear()
    await (await app.get(child.job.queue, child.job.id)).retry()
    await app.worker().run_until_idle()
    assert await tree.result() == 5


async def test_a_flow_is_removed_with_all_that_is_below_it(app: headrace.App) -> None:
    @app.task
    def node() -> None: ...

    tree = await app.enqueue(node.call().after(node.call().after(node.call()), node.call()))
    claimed = await app.storage.run(Claim((Source("default"),), 1, "t", 30_000))
    with pytest.raises(WrongState) as refused:
        await tree.remove(children=True)
    assert refused.value.fields["id"] == claimed.leases[0].id
    assert len((await app.tree(tree)).nodes) == 4
    await app.storage.run(Settle((settle(claimed.leases[0], Done(), 0.0),)))
    await tree.remove(children=True)
    with pytest.raises(NoSuchJob):
        await tree.state()
    assert set((await app.queue("default").counts()).values()) == {0}


async def test_a_worker_is_not_idle_before_a_failure_has_climbed_to_the_root(app: headrace.App) -> None:
    @app.task
    async def root() -> None: ...
    @app.task
    async def check() -> None: ...
    @app.task
    async def record() -> None: ...
    @app.task
    async def dns() -> None:
        raise headrace.Unrecoverable("down for good")

    job = await app.enqueue(root.call().after(record.call(), check.call().after(dns.call())))
    await app.worker().run_until_idle()
    assert await job.state() == "failed"
