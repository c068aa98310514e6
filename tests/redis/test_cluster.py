"""A cluster: all keys of a store are on one node, and workers go there, wherever that is."""

import asyncio
from collections.abc import Iterator

import pytest
import redis

from headrace.core.commands import Add
from headrace.core.errors import Unavailable
from headrace.storage.redis import RedisStore
from headrace.storage.redis.finder import slot_of
from tests.conformance.desk import Desk, new, ref
from tests.redis.choir import Choir
from tests.servers import cluster
from tests.servers.available import or_skip

PREFIX = "{bull}"
SLOT = slot_of("bull")
FAILOVER_S = 30.0
MOVE_MS = 5_000  # for one key
KEYS_MAX = 1_000


@pytest.fixture(scope="module")
def nodes() -> Iterator[cluster.Cluster]:
    with or_skip(cluster.running(replicas=True)) as nodes:
        yield nodes


@pytest.mark.parametrize("first", range(3))
async def test_any_node_says_where_the_keys_are(nodes: cluster.Cluster, first: int) -> None:
    prefix = f"{{any{first}}}"
    store = RedisStore(f"redis+cluster://127.0.0.1:{nodes.primaries[first].port}", prefix=prefix)
    await store.open()
    try:
        await store.run(Add((new(),)))
        assert (await Desk(store).record(ref("1"))).state == "waiting"
        assert nodes.owner(slot_of(f"any{first}")).ask("EXISTS", f"{prefix}:q:1") == "1"
    finally:
        await store.close()


async def test_workers_follow_keys_that_have_moved(nodes: cluster.Cluster) -> None:
    """The slot is given to another node whole, as after a move of all its keys; these are none here."""
    prefix, slot = "{moved}", slot_of("moved")
    before = nodes.owner(slot)
    after = next(node for node in nodes.primaries if node is not before)
    async with Choir(nodes.url, nodes.url, prefix=prefix) as choir:
        await choir.sing()
        before.ask("FLUSHALL")
        for node in (after, *nodes.primaries):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", after.id)
        await choir.sing()
        assert after.ask("EXISTS", f"{prefix}:q0:1") == "1"


async def test_while_keys_move_one_by_one_nothing_is_done_and_then_workers_go_on(nodes: cluster.Cluster) -> None:
    prefix, slot = "{moving}", slot_of("moving")
    source = nodes.owner(slot)
    target = next(node for node in nodes.primaries if node is not source)
    async with Choir(nodes.url, nodes.url, prefix=prefix) as choir:
        await choir.sing()
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        store = RedisStore(nodes.url, prefix=prefix)
        await store.open()
        before = keys_of(slot, source, target)
        for key in sorted(before):
            with pytest.raises(Unavailable, match="are moving to another node"):
                await store.run(Add((new(queue="q0"), new(queue="q1"))))
            assert keys_of(slot, source, target) == before
            source.ask("MIGRATE", "127.0.0.1", target.port, key.decode(), 0, MOVE_MS)
        for node in (target, source, *nodes.primaries):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        await choir.sing()
        await store.close()


def keys_of(slot: int, *nodes: cluster.Node) -> dict[bytes, bytes]:
    """All keys of the slot as the servers pack them, wherever they are. Markers come and go with those who wait."""
    found: dict[bytes, bytes] = {}
    for node in nodes:
        with redis.Redis(port=node.port, single_connection_client=True) as client:
            for key in client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, KEYS_MAX):
                client.execute_command("ASKING")
                found[key] = client.execute_command("DUMP", key)
    return {key: dump for key, dump in found.items() if not key.endswith(b":marker")}


async def test_workers_go_on_with_the_replica_when_their_node_dies(nodes: cluster.Cluster) -> None:
    async with Choir(nodes.url, nodes.url, prefix=PREFIX) as choir:
        await choir.sing()
        await asyncio.to_thread(nodes.owner(SLOT).kill)
        await choir.sing(FAILOVER_S)
        nodes.owner(SLOT).start()  # not in a thread, as a server ends with the thread that started it
        await choir.sing()
