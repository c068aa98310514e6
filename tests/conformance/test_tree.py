"""Tree: a job with its descendants."""

from headrace.core.commands import Grown, Tree

from .desk import Desk, child, ids, new, parent, ref


async def family(desk: Desk) -> None:
    """p(a(a1, a2), b, c(c1)), over four queues."""
    await desk.add(
        parent("p"),
        child("p", id="a", queue="s", has_children=True),
        child("p", id="b", queue="r"),
        child("a", of_queue="s", id="a1", queue="z"),
        child("p", id="c", has_children=True),
        child("a", of_queue="s", id="a2"),
        child("c", id="c1", queue="r"),
    )


async def names(desk: Desk, **fields: int) -> list[str]:
    return [node.job.id for node in await desk.tree(ref("p"), **fields)]


async def test_a_job_that_does_not_exist_has_no_tree(desk: Desk) -> None:
    assert await desk.run(Tree(ref("1"))) == Grown(())


async def test_a_job_alone_is_a_tree(desk: Desk) -> None:
    (job,) = await desk.add(new())
    (node,) = await desk.tree(job)
    assert (node.job, node.parent, node.depth, node.record) == (job, None, 0, await desk.record(job))
    assert (node.is_pending, node.value) == (False, None)


async def test_each_child_is_followed_by_its_children_siblings_as_they_were_added(desk: Desk) -> None:
    await family(desk)
    assert await names(desk) == ["p", "a", "a1", "a2", "b", "c", "c1"]


async def test_nodes_know_their_parent_and_depth(desk: Desk) -> None:
    await family(desk)
    nodes = await desk.tree(ref("p"))
    assert [node.depth for node in nodes] == [0, 1, 2, 2, 1, 1, 2]
    assert [node.parent and node.parent.id for node in nodes] == [None, "p", "a", "a", "p", "p", "c"]
    assert [node.record for node in nodes] == [await desk.record(node.job) for node in nodes]
    assert [node.is_pending for node in nodes] == [False] + [True] * 6


async def test_the_tree_of_a_child_begins_with_the_child(desk: Desk) -> None:
    await family(desk)
    nodes = await desk.tree(ref("c"))
    assert [(node.job.id, node.depth, node.parent) for node in nodes] == [("c", 0, None), ("c1", 1, ref("c"))]
    assert not nodes[0].is_pending


async def test_depth_limits_the_levels(desk: Desk) -> None:
    await family(desk)
    assert await names(desk, depth=0) == ["p"]
    assert await names(desk, depth=1) == ["p", "a", "b", "c"]
    assert len(await names(desk, depth=2)) == 7
    assert not (await desk.run(Tree(ref("p"), depth=1))).is_cut


async def test_a_tree_larger_than_its_limit_is_cut(desk: Desk) -> None:
    await family(desk)
    grown = await desk.run(Tree(ref("p"), limit=3))
    assert (ids([node.job for node in grown.nodes]), grown.is_cut) == (["p", "a", "a1"], True)
    grown = await desk.run(Tree(ref("p"), limit=7))
    assert (len(grown.nodes), grown.is_cut) == (7, False)


async def test_a_completed_child_shows_what_it_left(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"), child("p", queue="r"))
    await desk.finish("r", result='{"a":1}')
    await desk.fail("r")
    _, first, second = await desk.tree(ref("p"))
    assert (first.is_pending, first.value) == (False, '{"a":1}')
    assert (second.is_pending, second.value) == (False, None)


async def test_a_removed_child_has_no_record_even_if_its_id_is_used_again(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", id="c", queue="r"), child("p", queue="r"))
    await desk.finish("r", result="1")
    await desk.remove(ref("c", "r"))
    await desk.add(new(id="c", queue="r"))
    node = (await desk.tree(ref("p")))[1]
    assert (node.job, node.record, node.value) == (ref("c", "r"), None, "1")


async def test_a_child_added_again_is_another_child(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", id="c", queue="r"), child("p", queue="r"))
    await desk.finish("r", result="1")
    await desk.remove(ref("c", "r"))
    await desk.add(child("p", id="c", queue="r"))
    nodes = (await desk.tree(ref("p")))[1:]
    assert [node.job.id for node in nodes] == ["c", "2", "c"]
    assert [node.is_pending for node in nodes] == [False, True, True]
    assert [node.value for node in nodes] == ["1", None, None]


async def test_nodes_have_the_name_of_their_job_also_when_it_is_gone(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", name="resize", queue="r"), child("p", name="upload", queue="r"))
    await desk.finish("r")
    await desk.remove(ref("1", "r"))
    assert [node.name for node in await desk.tree(ref("p"))] == ["p", "resize", "upload"]


async def test_removing_the_middle_of_a_flow_cuts_its_tree(desk: Desk) -> None:
    await family(desk)
    await desk.remove(ref("a", "s"))
    assert await names(desk) == ["p", "b", "c", "c1"]
