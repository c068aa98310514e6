"""Jobs that fit a query: counted, listed, and moved in steps."""

import asyncio
from typing import Any

import pytest

import headrace
from headrace.core.commands import Annotate, Claim, Find, Move, Remove, Source
from headrace.core.commands.reads import FIND_MAX
from headrace.errors import (
    BadQuery,
    InFlow,
    InvalidOption,
    NoSuchJob,
    NoSuchQueue,
    NotAnObject,
    NotSerialisable,
    QueueBusy,
    WrongState,
)
from headrace.storage.protocol import Wrapper
from headrace.sweep import STEP


@pytest.fixture
async def mixed(app: headrace.App) -> headrace.App:
    """In `mail` 1 and 2 failed, 3 completed, 4 waits, 5 is delayed; in `post` 1 failed and 2 waits."""

    @app.task(queue="mail")
    def send(to: str) -> None:
        if to != "ann":
            raise headrace.Unrecoverable(f"no such {to}")

    @app.task(queue="post", name="post")
    def post() -> None:
        raise headrace.Unrecoverable("rain")

    await app.enqueue_many([send.call("bob"), send.call("cy"), send.call("ann")])
    await post.enqueue()
    await app.worker().run_until_idle()
    await app.queue("mail").add("other")
    await app.queue("mail").add("other", delay=60)
    await app.queue("post").add("other")
    return app


def refs(page: headrace.Page) -> list[str]:
    return [str(job.ref) for job in page]


async def test_a_selection_is_listed_over_all_queues(mixed: headrace.App) -> None:
    assert refs(await mixed.select("failed").jobs()) == ["mail/2", "mail/1", "post/1"]
    assert refs(await mixed.select("mail name:send").jobs()) == ["mail/2", "mail/1", "mail/3"]
    assert refs(await mixed.select("data.to:bob error:unrecoverable").jobs()) == ["mail/1"]
    assert refs(await mixed.queue("mail").jobs("-completed")) == ["mail/4", "mail/5", "mail/2", "mail/1"]
    assert refs(await mixed.select("nowhere").jobs()) == []
    with pytest.raises(BadQuery, match="did you mean state"):
        mixed.select("sate:failed")


async def test_pages_of_a_selection_go_on(mixed: headrace.App) -> None:
    seen: list[str] = []
    after: str | None = None
    for _ in range(20):
        page = await mixed.select("").jobs(limit=2, after=after)
        seen += refs(page)
        after = page.cursor
        if after is None:
            break
    assert seen == ["mail/4", "mail/5", "mail/2", "mail/1", "mail/3", "post/2", "post/1"]
    for stranger in ("5", "mail/failed/x", "mail/failed/[1", "mail/done/", 'mail/waiting/["a",2]'):
        with pytest.raises(InvalidOption, match="the cursor of the page before"):
            await mixed.select("").jobs(after=stranger)
    with pytest.raises(InvalidOption, match="another query"):
        await mixed.queue("mail").jobs("failed", after="post/failed/")
    with pytest.raises(InvalidOption, match="another query"):
        await mixed.queue("mail").jobs("failed", after="mail/waiting/")


async def test_a_selection_is_counted(mixed: headrace.App) -> None:
    assert await mixed.select("failed").count() == 3
    assert await mixed.select("name:other").count() == 3
    assert await mixed.select("").count() == 7


async def test_what_fits_is_retried_and_nothing_else(mixed: headrace.App) -> None:
    swept = await mixed.select("failed data.to:*").retry()
    assert (swept.done, swept.skipped, swept.refused, swept.cursor) == (2, 0, 0, None)
    assert (await mixed.queue("mail").counts())["waiting"] == 3
    assert (await mixed.queue("post").counts())["failed"] == 1
    assert (await mixed.queue("post").retry_all()).done == 1


async def test_what_cannot_be_done_is_counted_with_its_reasons(mixed: headrace.App) -> None:
    swept = await mixed.select("mail").promote()
    assert (swept.done, swept.skipped, swept.refused) == (1, 0, 4)
    assert swept.refusals[0] == WrongState(queue="mail", id="4", state="waiting")
    assert {type(no) for no in swept.refusals} == {WrongState}


async def test_every_action_sweeps(mixed: headrace.App) -> None:
    assert (await mixed.queue("mail").promote_all()).done == 1
    assert (await mixed.select("name:other").change_priority(3)).done == 3
    assert (await mixed.select("name:other").change_priority(3)).done == 0
    assert (await mixed.select("name:other").change_delay(60)).done == 3
    assert (await mixed.select("name:other").change_delay(90)).done == 3
    assert (await mixed.select("delayed queue:post").cancel("not now")).done == 1
    assert (await mixed.select("failed").move("dead")).done == 4
    assert (await mixed.select("failed").move("dead")).done == 0
    assert (await mixed.queue("dead").counts())["failed"] == 4
    assert (await mixed.queue("dead").select("error:unrecoverable").remove()).done == 3
    (last,) = await mixed.queue("dead").jobs()
    assert (await last.refresh()).failure == headrace.Failure("not now", "cancelled", at=last.record.failure.at)  # type: ignore[union-attr]


async def test_data_and_notes_of_all_that_fit_are_changed_in_any_state(mixed: headrace.App) -> None:
    def datas(page: headrace.Page) -> list[Any]:
        return [job.data for job in page]

    await mixed.storage.run(Claim((Source("post"),), 1, "t", 60_000))
    assert (await mixed.select("name:send").patch({"to": "dee", "cc": {"a": 1}})).done == 3
    assert datas(await mixed.select("name:send").jobs()) == [{"to": "dee", "cc": {"a": 1}}] * 3
    assert (await mixed.select("data.cc.a:1").patch({"cc": {"a": None, "b": 2}})).done == 3
    assert datas(await mixed.select("name:send").jobs()) == [{"to": "dee", "cc": {"b": 2}}] * 3
    swept = await mixed.select("").note({"by": "me", "progress": 1})
    assert (swept.total, swept.looked, swept.done, swept.refused) == (7, 7, 7, 0)
    assert {job.record and job.record.notes for job in await mixed.select("").jobs()} == {'{"by":"me","progress":1}'}
    assert (await mixed.select("post").update([1])).done == 2
    swept = await mixed.select("-mail").patch({"a": 1})
    assert (swept.done, swept.skipped, swept.refused) == (0, 0, 2)
    assert {(type(no), no.id) for no in swept.refusals} == {(NotAnObject, "1"), (NotAnObject, "2")}
    await mixed.queue("post").obliterate(force=True)


async def test_what_cannot_be_data_or_notes_is_refused_before_anything_is_looked_for(app: headrace.App) -> None:
    selection = app.select("")
    for call in (selection.patch, selection.note):
        with pytest.raises(InvalidOption, match="must be a mapping"):
            await call(["a"])  # type: ignore[arg-type]
    with pytest.raises(NotSerialisable, match="the data of all jobs that fit"):
        await selection.update({"a": object()})


async def test_many_jobs_are_noted_in_bounded_steps_each_once(app: headrace.App) -> None:
    queue = app.queue("q")
    await app.enqueue_many(queue.call("x", {"n": n}) for n in range(2 * STEP + 5))
    steps: list[headrace.Swept] = []
    swept = await queue.select("data.n:>=0").patch({"n": -1}, progress=steps.append)
    assert [step.done for step in steps] == [STEP, 2 * STEP, 2 * STEP + 5]
    assert (await queue.select("data.n:>=0").count(), swept.skipped) == (0, 0)
    rest = await queue.select("").note({"a": 1}, after=steps[0].cursor)
    assert (rest.done, await queue.select("data.n:-1").count()) == (STEP + 5, 2 * STEP + 5)
    await queue.drain()


async def test_what_moves_nothing_goes_the_way_of_a_jobs_life(mixed: headrace.App) -> None:
    steps: list[headrace.Swept] = []
    await mixed.select("mail").note({"a": 1}, progress=steps.append)
    assert [step.cursor for step in steps] == ["mail/delayed/", "mail/completed/", "mail/failed/", None]


async def test_a_job_that_is_changed_meanwhile_is_not_noted(app: headrace.App) -> None:
    queue = app.queue("q")
    await app.enqueue_many(queue.call("x", {"to": to}) for to in ("ann", "bob"))

    class Meddling(Wrapper):
        """A store that lets somebody change a job between the finding and the noting."""

        async def run(self, *commands: Any) -> Any:
            if isinstance(commands[0], Annotate):
                await self.inner.run(Annotate(commands[0].job, data="{}"))
            return await self.inner.run(*commands)

    class Meddler:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        async def open(self) -> Meddling:
            return Meddling(await self._inner.open())

    selection = queue.select("data.to:*")
    swept = await headrace.Selection(Meddler(selection._client), selection.query).note({"a": 1})  # type: ignore[arg-type]
    assert (swept.done, swept.skipped, swept.refused) == (1, 1, 0)
    first, second = await queue.jobs()
    assert [job.record and job.record.notes for job in (first, second)] == [None, '{"a":1}']
    await queue.drain()


async def test_a_sweep_reports_each_step_and_goes_on_where_it_was_stopped(app: headrace.App) -> None:
    queue = app.queue("q")
    await app.enqueue_many(queue.call("x") for _ in range(2 * STEP + 5))
    steps: list[headrace.Swept] = []

    def stop(swept: headrace.Swept) -> None:
        steps.append(swept)
        sweeping.cancel()

    sweeping = asyncio.ensure_future(queue.select("waiting").remove(progress=stop))
    with pytest.raises(asyncio.CancelledError):
        await sweeping
    assert [(step.total, step.looked, step.done) for step in steps] == [(2 * STEP + 5, STEP, STEP)]
    swept = await queue.select("waiting").remove(progress=steps.append, after=steps[0].cursor)
    assert (swept.total, swept.done) == (STEP + 5, STEP + 5)
    assert [step.done for step in steps] == [STEP, STEP, STEP + 5]


async def test_a_job_that_moves_meanwhile_is_left_alone(app: headrace.App) -> None:
    queue = app.queue("q")
    await app.enqueue_many(queue.call("x", priority) for priority in range(3))
    taken: list[Any] = []

    class Meddler:
        """A client that lets a worker claim a job between the finding and the moving."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        async def run(self, command: Any) -> Any:
            if isinstance(command, Remove) and not taken:
                taken.append(await self._inner.run(Claim((Source("q"),), 1, "t", 60_000)))
            return await self._inner.run(command)

    selection = queue.select("waiting")
    meddled = headrace.Selection(Meddler(selection._client), selection.query)  # type: ignore[arg-type]
    swept = await meddled.remove()
    assert (swept.done, swept.skipped, swept.refused) == (2, 1, 0)
    assert (await queue.counts())["active"] == 1
    await queue.obliterate(force=True)


async def test_twenty_thousand_jobs_are_moved_in_bounded_steps(app: headrace.App) -> None:
    count = 20_000
    queue = app.queue("q")
    for _ in range(count // 10_000):
        await app.enqueue_many(queue.call("x") for _ in range(10_000))
    asked: list[Any] = []

    class Counting:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        async def run(self, command: Any) -> Any:
            reply = await self._inner.run(command)
            asked.append((command, reply))
            return reply

    inner = queue.select("name:x")
    selection = headrace.Selection(Counting(inner._client), inner.query)  # type: ignore[arg-type]
    assert (await selection.change_priority(1)).done == count
    moves = [command for command, _ in asked if isinstance(command, Move)]
    looks = [reply.looked for command, reply in asked if isinstance(command, Find)]
    assert len(moves) == count // STEP
    assert max(len(move.jobs) for move in moves) == STEP
    assert max(looks) <= FIND_MAX
    assert (await queue.counts())["prioritized"] == count
    assert (await queue.drain()).done == count


async def test_drain_leaves_what_is_delayed_unless_it_is_asked_for(app: headrace.App) -> None:
    queue = app.queue("q")
    await queue.add("x")
    await queue.add("x", priority=1)
    await queue.add("x", delay=60)
    assert (await queue.drain()).done == 2
    assert (await queue.drain(delayed=True)).done == 1


async def test_clean_removes_the_oldest_finished_jobs(mixed: headrace.App) -> None:
    mail = mixed.queue("mail")
    assert (await mail.clean("failed", older_than=3600)).done == 0
    assert (await mail.clean("failed", limit=1)).done == 1
    assert refs(await mail.jobs("failed")) == ["mail/2"]
    assert (await mail.clean("failed")).done == 1
    assert (await mail.clean("failed")).done == 0
    with pytest.raises(InvalidOption, match="completed, failed, not active"):
        await mail.clean("active")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="not done"):
        await mail.clean("done")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="limit is 0"):
        await mail.clean("failed", limit=0)


async def test_clean_removes_jobs_of_any_state_but_those_that_run(app: headrace.App) -> None:
    queue = app.queue("q")
    await app.enqueue_many(queue.call("x") for _ in range(STEP + 2))
    await app.storage.run(Claim((Source("q"),), 1, "t", 60_000))
    await queue.add("x", priority=1)
    await queue.add("x", delay=60)
    parent = await app.enqueue(queue.call("root").after(app.queue("r").call("leaf"), app.queue("r").call("leaf")))
    assert (await queue.clean("waiting", older_than=60)).done == 0
    assert (await queue.clean("waiting", limit=1)).done == 1
    assert refs(await queue.jobs("waiting", limit=1)) == ["q/3"]
    assert (await queue.clean("waiting")).done == STEP
    assert (await queue.clean("prioritized")).done == 1
    assert (await queue.clean("delayed")).done == 1
    assert {state: count for state, count in (await queue.counts()).items() if count} == {
        "active": 1,
        "waiting-children": 1,
    }
    assert (await app.queue("r").clean("waiting")).done == 2
    assert await parent.state() == "waiting"
    await app.enqueue(queue.call("root").after(app.queue("r").call("leaf")))
    assert (await queue.clean("waiting-children")).done == 1
    assert (await app.queue("r").counts())["waiting"] == 1
    await queue.obliterate(force=True)
    await app.queue("r").obliterate()


async def test_obliterate_is_refused_while_jobs_run_and_changes_nothing(app: headrace.App) -> None:
    queue = app.queue("q")
    with pytest.raises(NoSuchQueue):
        await queue.obliterate()
    await queue.add("x")
    await queue.add("x", delay=60)
    await app.storage.run(Claim((Source("q"),), 1, "t", 60_000))
    with pytest.raises(QueueBusy, match="are running \\(1\\)"):
        await queue.obliterate()
    (record,) = await app.queues()
    assert (record.is_paused, record.counts["active"], record.counts["delayed"]) == (False, 1, 1)
    await queue.obliterate(force=True)
    assert await app.queues() == []


async def test_a_job_moves_to_another_queue(app: headrace.App) -> None:
    job = await app.queue("q").add("x", {"a": 1}, attempts=3, job_id="mine")
    plain = await app.queue("q").add("x")
    await job.note(by="me")
    moved = await job.move("r")
    assert (str(moved.ref), await moved.state()) == ("r/mine", "waiting")
    assert moved.data == {"a": 1}
    assert str((await plain.move("r")).ref) == "r/2"
    with pytest.raises(NoSuchJob):
        await job.refresh()
    with pytest.raises(InvalidOption, match="already"):
        await moved.move("r")


async def test_a_job_of_a_flow_does_not_move(app: headrace.App) -> None:
    queue = app.queue("q")
    root = await app.enqueue(queue.call("root").after(queue.call("leaf")))
    (leaf,) = await root.children()
    with pytest.raises(InFlow, match="add the flow anew"):
        await (await queue.get(leaf.job.id)).move("r")
    with pytest.raises(WrongState):
        await root.move("r")


async def test_there_is_a_blocking_form(tmp_path: Any) -> None:
    def work() -> tuple[int, int]:
        with headrace.App(f"sqlite:///{tmp_path}/jobs.db") as app:
            app.queue("q").add.sync("x")
            return app.select("waiting").count.sync(), app.select("q").remove.sync().done

    assert await asyncio.to_thread(work) == (1, 1)
