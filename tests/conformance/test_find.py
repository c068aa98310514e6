"""Find: the jobs of a queue in one state, page by page."""

import pytest

from headrace.core import lifecycle
from headrace.core.commands import Find, Found
from headrace.core.commands.reads import FIND_MAX
from headrace.core.errors import InvalidOption
from headrace.core.jobs import STATES, Failure, State
from headrace.core.outcomes import Failed
from headrace.core.query import parse

from .clock import FrozenClock
from .desk import Desk, awaits_children, child, done, ids, new, parent, ref


@pytest.mark.parametrize("state", STATES)
async def test_a_queue_without_such_jobs_gives_an_empty_page(desk: Desk, state: State) -> None:
    assert await desk.run(Find("nowhere", state)) == Found(())
    await desk.add(new(queue="r"))
    await desk.remove(*await desk.add(new()))
    assert await desk.run(Find("q", state)) == Found(())


async def test_ready_jobs_come_as_they_will_be_claimed(desk: Desk) -> None:
    await desk.add(new(), new(priority=3), new(lifo=True), new(priority=1), new(), new(priority=3))
    found = [*await desk.ids("waiting"), *await desk.ids("prioritized")]
    assert found == ["3", "1", "5", "4", "2", "6"]
    assert found == ids(await desk.claim())


async def test_delayed_jobs_come_by_the_time_they_are_due(desk: Desk) -> None:
    await desk.add(new(delay_ms=30), new(delay_ms=10), new(delay_ms=30), new(delay_ms=20))
    assert await desk.ids("delayed") == ["2", "4", "1", "3"]


async def test_active_jobs_come_by_the_end_of_their_lease(desk: Desk) -> None:
    await desk.add(new(), new(), new(), new())
    leases = [await desk.claim_one(lease_ms=lease_ms) for lease_ms in (30, 10, 30, 20)]
    assert await desk.ids("active") == ["2", "4", "1", "3"]
    await desk.renew(leases[1], lease_ms=25)
    assert await desk.ids("active") == ["4", "2", "1", "3"]


async def test_parents_come_by_the_time_they_began_to_wait(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(parent("p"), child("p", queue="r"), child("1", queue="r"))
    clock.advance(1)
    await desk.settle(awaits_children(lease))
    await desk.add(parent("s"), child("s", queue="r"))
    assert await desk.ids("waiting-children") == ["p", "1", "s"]


async def test_finished_jobs_come_newest_first(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(*(new() for _ in range(4)))
    a, b, c, d = await desk.claim()
    await desk.settle(done(d))
    clock.advance(1)
    await desk.settle(done(b), done(a))
    clock.advance(1)
    await desk.settle(done(c))
    assert await desk.ids("completed") == ["3", "2", "1", "4"]


@pytest.mark.parametrize("page", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("state", STATES)
async def test_pages_add_up(desk: Desk, state: State, page: int) -> None:
    fields = {"prioritized": {"priority": 2}, "delayed": {"delay_ms": 9}}.get(state, {})
    jobs = [new(**fields) for _ in range(5)]
    if state == "waiting-children":
        jobs = [job for name in "abcde" for job in (parent(name), child(name, queue="r"))]
    await desk.add(*jobs, new(queue="r", **fields))
    if state in {"active", "completed", "failed"}:
        for _ in range(5):
            await {"active": desk.claim_one, "completed": desk.finish, "failed": desk.fail}[state]()
    whole = await desk.found("q", state)
    assert len(whole) == 5
    assert await desk.found("q", state, page) == whole


async def test_the_last_page_has_no_cursor(desk: Desk) -> None:
    await desk.add(new(), new())
    first = await desk.run(Find("q", "waiting", 1))
    assert (ids(first.jobs), first.cursor is None) == (["1"], False)
    second = await desk.run(Find("q", "waiting", 1, first.cursor))
    assert (ids(second.jobs), second.cursor) == (["2"], None)
    assert (await desk.run(Find("q", "waiting", 2))).cursor is None


@pytest.mark.parametrize("state", STATES)
async def test_a_cursor_that_no_page_has_given_is_refused_by_name(desk: Desk, state: State) -> None:
    await desk.add(new(), new(priority=1), new(delay_ms=1000))
    strange = ("x", "1", "[1", "[]", "[1]", "1.x", "[1.5,1]", "[1,[]]", "[1,[2]]", f"[{10**30},{10**30}]")
    for after in (*strange, '["a","b"]', "null"):
        for queue in ("q", "nowhere"):
            with pytest.raises(InvalidOption, match="give the cursor of the page before"):
                await desk.run(Find(queue, state, 1, after))
    assert len(await desk.ids("waiting")) == 1


async def test_jobs_that_stay_are_seen_once_while_others_go(desk: Desk) -> None:
    jobs = await desk.add(*(new() for _ in range(6)))
    first = await desk.run(Find("q", "waiting", 3))
    await desk.remove(jobs[0], jobs[2], jobs[4])
    second = await desk.run(Find("q", "waiting", 3, first.cursor))
    assert ids(first.jobs) + ids(second.jobs) == ["1", "2", "3", "4", "6"]


async def test_a_page_gives_whole_records(desk: Desk) -> None:
    (job,) = await desk.add(new(priority=1, data="[]"))
    await desk.annotate(job, progress="1", notes="{}")
    assert await desk.found("q", "prioritized") == [await desk.record(job)]


@pytest.fixture
async def various(desk: Desk, clock: FrozenClock) -> Desk:
    """Failed jobs 1 to 3, then 4 to 9 that wait; they were added an hour apart."""
    data = ['{"user": 42, "size": 1.5}', '{"user": "42", "mail": {"to.me": "a@x.org"}}', '{"user": [42], "ok": true}']
    reasons = ["no [route]?", "TIMEOUT of the peer", "exit 7"]
    for text, reason in zip(data, reasons, strict=True):
        await desk.add(new("send_mail", data=text))
        lease = await desk.claim_one()
        failure = Failure(reason, "timeout" if "TIME" in reason else "error", "OSError", attempt=1)
        await desk.settle(lifecycle.settle(lease, Failed(failure, is_retryable=False), 0.0))
        clock.advance(3_600_000)
    await desk.add(new("send sms", priority=5), new("[s]*", priority=9), new("x", data='{"ok": null, "": {"": -2e3}}'))
    await desk.add(new("x", data="[1]"), new("x", data="no JSON"), new("x", data='{"n": 12345678901234567890123}'))
    return desk


@pytest.mark.parametrize(
    ("query", "fitting"),
    [
        ("", "3 2 1 6 7 8 9 4 5"),
        ("failed", "3 2 1"),
        ("-failed", "6 7 8 9 4 5"),
        ("waiting,failed -waiting", "3 2 1"),
        ("q", "3 2 1 6 7 8 9 4 5"),
        ("r", ""),
        ("queue:?", ""),
        ("name:send*", "3 2 1 4"),
        ("name:SEND*", ""),
        ('name:"send sms"', "4"),
        (r"name:[s]\*", "5"),
        ("name:*s*m*", "3 2 1 4"),
        ("id:1", "1"),
        ("-id:*", ""),
        ("error:timeout", "2"),
        ("error:oserr", "3 2 1"),
        ("error:of*peer", "2"),
        ("error:[route]?", "1"),
        ("-error:timeout failed", "3 1"),
        ("priority:5", "4"),
        ("priority:>5", "5"),
        ("priority:<=5 priority:>0", "4"),
        ("attempts:>=1", "3 2 1"),
        ("attempts:0", "6 7 8 9 4 5"),
        ("age:>=2h", "2 1"),
        ("age:<2h", "3 6 7 8 9 4 5"),
        ("data.user:42", "2 1"),
        ("data.user:4*", "2"),
        ("-data.user:42 failed", "3"),
        ("data.size:>1", "1"),
        ("data.size:<=1.5", "1"),
        ("data.size:>1.5", ""),
        ("data.user:>=42", "1"),
        (r"data.mail.to\.me:*@x.org", "2"),
        ("data.ok:true", "3"),
        ("data.ok:null", "6"),
        ('data."".""' + ":-2000", "6"),
        ("data.n:>1e22", "9"),
        ("data.user[0]:42", "3"),
        ("data.user[0]:>41", "3"),
        ("-data.user[0]:42 failed", "2 1"),
        ("data.user[1]:*", ""),
        ("data.user.0:42", ""),
        ("data[0]:1", "7"),
        ("data[0][0]:1", ""),
        ("data.user[0].id:*", ""),
        ("data.mail[0]:*", ""),
        ("data.user:array", ""),
        ("data.mail:object", ""),
    ],
)
async def test_a_query_is_answered(various: Desk, query: str, fitting: str) -> None:
    states: tuple[State, ...] = ("failed", "waiting", "prioritized")
    found = [await various.found("q", state, where=parse(query)) for state in states]
    assert ids([job for page in found for job in page]) == fitting.split()


async def test_a_text_counts_up_to_its_first_nul(desk: Desk) -> None:
    await desk.add(new(data='{"a": "x\\u0000y"}'))
    assert len(await desk.found("q", "waiting", where=parse("data.a:x"))) == 1
    assert await desk.found("q", "waiting", where=parse("data.a:*y")) == []


async def test_indices_and_keys_of_digits_are_not_taken_for_each_other(desk: Desk) -> None:
    nested = '{"items": [{"sku": "x"}, [1, [2, null]]], "0": {"0": "zero"}, "[0]": 5}'
    await desk.add(new(data=nested), new(data='{"items": {"0": {"sku": "x"}}}'))
    fitting = {
        "data.items[0].sku:x": ["1"],
        "data.items.0.sku:x": ["2"],
        "data.items[1][1][0]:2": ["1"],
        "data.items[1][1][1]:null": ["1"],
        "data.items[999999999]:null": [],
        "data.0.0:zero": ["1"],
        "data.0[0]:zero": [],
        "data[0]:*": [],
        'data."[0]":5': ["1"],
    }
    assert {query: ids(await desk.found("q", "waiting", where=parse(query))) for query in fitting} == fitting


async def test_a_query_looks_at_a_bounded_number_of_jobs_and_says_where_to_go_on(desk: Desk) -> None:
    await desk.add(*(new() for _ in range(FIND_MAX)), new("rare"), new("rare"), new())
    where = parse("name:rare")
    for is_steady in (False, True):
        first = await desk.run(Find("q", "waiting", 1, where=where, is_steady=is_steady))
        assert (first.jobs, first.looked) == ((), FIND_MAX)
        second = await desk.run(Find("q", "waiting", 1, first.cursor, where, is_steady))
        assert (ids(second.jobs), second.looked) == ([str(FIND_MAX + 1)], 1)
        third = await desk.run(Find("q", "waiting", 9, second.cursor, where, is_steady))
        assert (ids(third.jobs), third.looked, third.cursor) == ([str(FIND_MAX + 2)], 2, None)


@pytest.mark.parametrize(
    ("state", "action", "fields"),
    [("prioritized", "prioritise", {"priority": 2}), ("delayed", "delay", {"delay_ms": 90_000})],
)
async def test_a_job_that_is_moved_within_its_state_is_not_met_again(
    desk: Desk, state: State, action: str, fields: dict[str, int]
) -> None:
    ready = {"priority": 1} if state == "prioritized" else {"delay_ms": 1_000}
    await desk.add(*(new(**ready) for _ in range(5)), new())
    met: list[str] = []
    cursor: str | None = None
    while True:
        page = await desk.run(Find("q", state, 2, cursor, is_steady=True))
        met += ids(page.jobs)
        await desk.move(action, *(ref(job.id) for job in page.jobs), **fields)
        cursor = page.cursor
        if cursor is None:
            break
    assert met == ["1", "2", "3", "4", "5"]


async def test_steady_pages_of_the_other_states_have_every_job_once(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(*(new() for _ in range(4)), new(queue="r"))
    first, *_ = await desk.claim(limit=3)
    await desk.renew(first, lease_ms=90_000)
    await desk.claim("r")
    assert ids(await desk.found("q", "active", 1, is_steady=True)) == ["1", "2", "3"]
    assert ids(await desk.found("q", "waiting", 1, is_steady=True)) == ["4"]
    await desk.add(parent("a"), child("a"), parent("b"), child("b"))
    assert ids(await desk.found("q", "waiting-children", 1, is_steady=True)) == ["a", "b"]
    await desk.settle(done(first))
    assert ids(await desk.found("q", "completed", 1, is_steady=True)) == ["1"]
