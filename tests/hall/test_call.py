"""A call is a value; a flow of calls becomes the new jobs of one Add, or is refused as a whole."""

from datetime import timedelta
from typing import Any

import pytest

import headrace
from headrace.core.errors import BadFlow, InvalidId, InvalidOption, Misuse
from headrace.core.jobs import Follow, Options, Parent
from headrace.flow import plan

offline = headrace.App("memory://")


@offline.task(attempts=3, priority=2, timeout=10)
def work(n: int = 0) -> int:
    return n


@offline.task(queue="other")
def other() -> str:
    return "x"


def test_options_give_a_new_call_and_leave_the_old_one() -> None:
    call = work.call(1)
    changed = call.options(delay=timedelta(seconds=30), job_id="a.png", attempts=7, backoff=headrace.Fixed(1))
    assert call.new_job().options == Options(attempts=3, timeout_ms=10_000)
    job = changed.new_job()
    assert (job.delay_ms, job.id, job.priority, job.data) == (30_000, "a.png", 2, '{"n":1}')
    assert job.options.attempts == 7
    assert job.options.timeout_ms == 10_000


def test_options_can_be_taken_back() -> None:
    job = work.call().options(timeout=None, backoff=None, keep_failed=None, job_id=None, priority=0).new_job()
    assert job == work.call().new_job().__class__("default", "work", options=Options(attempts=3))


def test_a_call_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        work.call().queue = "x"  # type: ignore[misc]


WRONG: list[tuple[dict[str, Any], type[Misuse], str]] = [
    ({"dely": 5}, InvalidOption, "unknown option 'dely'; did you mean delay"),
    ({"queue": "x"}, InvalidOption, "unknown option 'queue'"),
    ({"executor": "inline"}, InvalidOption, "unknown option"),
    ({"delay": "5"}, InvalidOption, "delay is str"),
    ({"job_id": "5"}, InvalidId, "is an integer"),
    ({"job_id": 5}, InvalidId, "is not text"),
    ({"dedup": "a.png"}, InvalidOption, "dedup is str; use headrace.Dedup"),
    ({"if_failed": "keep"}, InvalidOption, "it is fail_parent, continue_parent, ignore, drop or wait"),
    ({"if_failed": "failparent"}, InvalidOption, "did you mean fail_parent"),
]


@pytest.mark.parametrize(("options", "kind", "problem"), WRONG)
def test_a_wrong_option_is_refused_when_it_is_given(options: dict[str, Any], kind: type[Misuse], problem: str) -> None:
    with pytest.raises(kind, match=problem):
        work.call().options(**options)


def test_a_flow_names_every_parent_before_its_children() -> None:
    flow = work.call(1).after(work.call(2), other.call().after(work.call(3))).after(work.call(4), if_failed="wait")
    jobs = plan(flow)
    assert [job.data for job in jobs] == ['{"n":1}', '{"n":2}', "{}", '{"n":4}', '{"n":3}']
    assert [job.has_children for job in jobs] == [True, False, True, False, False]
    ids = [job.id or "" for job in jobs]
    assert len(set(ids)) == 5
    assert all(len(job_id) == 36 for job_id in ids)
    assert [job.parent for job in jobs] == [
        None,
        Parent("default", ids[0]),
        Parent("default", ids[0]),
        Parent("default", ids[0], "wait"),
        Parent("other", ids[2]),
    ]


def test_a_childs_own_option_wins_over_that_of_after() -> None:
    children = [work.call().options(if_failed="wait"), work.call().options(if_failed="fail_parent"), work.call()]
    assert [job.parent and job.parent.policy for job in plan(work.call().after(*children, if_failed="wait"))] == [
        None,
        "wait",
        "fail_parent",
        "wait",
    ]


def test_a_single_call_leaves_the_id_to_the_queue() -> None:
    (job,) = plan(work.call())
    assert (job.id, job.parent, job.has_children) == (None, None, False)


def test_custom_ids_stand_in_flows_too() -> None:
    parent, child = plan(work.call().options(job_id="top").after(work.call().options(job_id="below")))
    assert (parent.id, child.id, child.parent) == ("top", "below", Parent("default", "top"))


def test_a_policy_without_a_parent_is_refused() -> None:
    with pytest.raises(InvalidOption, match="no parent"):
        plan(work.call().options(if_failed="wait"))


def test_a_cycle_is_refused() -> None:
    first, second, third = work.call(1), work.call(2), other.call()
    with pytest.raises(BadFlow, match="cycle"):
        plan(first.after(second.after(third.after(first))))
    with pytest.raises(BadFlow, match="cycle"):
        plan(first.after(first))


def test_the_same_call_twice_is_refused_and_two_calls_alike_are_not() -> None:
    leaf = work.call(5)
    with pytest.raises(BadFlow, match="twice"):
        plan(work.call().after(leaf, leaf))
    with pytest.raises(BadFlow, match="twice"):
        plan(work.call().after(leaf, other.call().after(leaf)))
    assert len(plan(work.call().after(work.call(5), work.call(5), leaf, leaf.options(priority=9)))) == 5


def test_after_nothing_is_refused() -> None:
    with pytest.raises(BadFlow, match="without a call"):
        work.call().after()


@pytest.mark.parametrize("odd", [work, "work", None, 5, work.function])
def test_after_takes_calls_only(odd: Any) -> None:
    with pytest.raises(Misuse, match=r"after\(\) takes calls and jobs"):
        work.call().after(odd)


def test_a_job_that_is_there_is_followed_and_is_no_child() -> None:
    job = work.enqueue.sync()
    (planned,) = plan(work.call().after(job, if_failed="wait"))
    assert (planned.has_children, planned.follows) == (True, (Follow(job.queue, job.id, "wait"),))
    offline.close.sync()


def test_a_flow_of_ten_thousand_is_the_largest() -> None:
    wide = work.call().after(*(work.call(n) for n in range(9_999)))
    assert len(plan(wide)) == 10_000
    with pytest.raises(BadFlow, match="more than 10000"):
        plan(wide.after(work.call()))
    with pytest.raises(BadFlow, match="more than 10000 children"):
        work.call().after(*(work.call(n) for n in range(10_001)))


def test_a_flow_may_be_as_deep_as_it_is_large() -> None:
    chain = work.call()
    for _ in range(9_999):
        chain = work.call().after(chain)
    assert len(plan(chain)) == 10_000
    assert repr(chain) == "<Call default/work>"


async def test_a_flow_runs_children_first_and_gives_their_results(app: headrace.App) -> None:
    @app.task(queue="dns")
    async def create(name: str) -> str:
        return f"change-{name}"

    @app.task
    async def sync(subject: str) -> list[str]:
        return [subject, *await headrace.context().children(create)]

    tree = await app.enqueue(sync.call("www").after(create.call("a"), create.call("b")))
    assert await tree.state() == "waiting-children"
    await app.worker().run_until_idle()
    assert await tree.result() == ["www", "change-a", "change-b"]
    grown = await app.tree(tree)
    assert [(node.depth, node.record and node.record.state) for node in grown.nodes] == [
        (0, "completed"),
        (1, "completed"),
        (1, "completed"),
    ]
    assert [child.job for child in await tree.children()] == [node.job for node in grown.nodes[1:]]


async def test_a_child_that_fails_for_good_fails_its_parent_without_running_it(app: headrace.App) -> None:
    ran = []

    @app.task
    def leaf() -> None:
        raise headrace.Unrecoverable("no such zone")

    @app.task
    def root() -> None:
        ran.append(1)

    tree = await app.enqueue(root.call().after(leaf.call()))
    await app.worker().run_until_idle()
    (child,) = await tree.children()
    with pytest.raises(headrace.errors.JobFailed) as caught:
        await tree.result()
    assert (caught.value.cause, caught.value.reason) == ("child-failed", f"child {child.job} failed")
    assert ran == []


async def test_a_parent_that_waits_is_freed_when_its_child_is_retried(app: headrace.App) -> None:
    broken = [True]

    @app.task
    def leaf() -> int:
        if broken:
            raise ValueError("not yet")
        return 5

    @app.task
    async def root() -> int:
        return await headrace.context().child(leaf)

    tree = await app.enqueue(root.call().after(leaf.call(), if_failed="wait"))
    await app.worker().run_until_idle()
    assert await tree.state() == "waiting-children"
    (told,) = await tree.why()
    assert "which is failed and must be retried or removed: not yet" in told
    broken.clear()
    (child,) = await tree.children()
    await (await app.get(child.job.queue, child.job.id)).retry()
    await app.worker().run_until_idle()
    assert await tree.result() == 5
