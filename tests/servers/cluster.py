"""A real cluster of three primaries, each with a replica if wanted."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import redis

from tests.servers.process import START_S, CannotRun, free_port, wait_until
from tests.servers.valkey import Valkey

SLOTS = 16_384
PRIMARIES = 3
DEAD_MS = 1_000  # without an answer, until nodes take another for dead and its replica stands in
SLOW_MS = 60_000  # the same where nobody could stand in, and a machine that is busy is not to stop all of them


class Node(Valkey):
    name = "cluster node"

    def __init__(self, directory: Path, dead_ms: int) -> None:
        directory.mkdir()
        super().__init__(
            directory,
            cluster_enabled="yes",
            cluster_port=str(free_port()),
            cluster_node_timeout=str(dead_ms),
            cluster_replica_validity_factor="0",
        )

    def ask(self, *words: str | int) -> str:
        with redis.Redis(port=self.port, decode_responses=True) as client:
            return str(client.execute_command(*words))

    def is_ok(self) -> bool:
        return "cluster_state:ok" in self.ask("CLUSTER", "INFO")

    def knows(self, other: str) -> bool:
        return other in self.ask("CLUSTER", "NODES")

    def follows(self) -> bool:
        return "'master_link_status': 'up'" in self.ask("INFO", "replication")

    @property
    def id(self) -> str:
        return self.ask("CLUSTER", "MYID")


class Cluster:
    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.primaries, self.replicas = nodes[:PRIMARIES], nodes[PRIMARIES:]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def owner(self, slot: int) -> Node:
        """The primary that was given the slot at first."""
        return self.primaries[min(slot * PRIMARIES // SLOTS, PRIMARIES - 1)]

    def join(self) -> None:
        """Let all nodes meet, share the slots, and give each primary its replica."""
        for place, node in enumerate(self.primaries):
            start, end = (-(-SLOTS * each // PRIMARIES) for each in (place, place + 1))
            node.ask("CLUSTER", "ADDSLOTSRANGE", start, end - 1)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
        for node in self.nodes[1:]:
            first = self.nodes[0]
            node.ask("CLUSTER", "MEET", "127.0.0.1", first.port, first.options["cluster-port"])
        for node in self.primaries:
            self._until(node.is_ok)
        for primary, replica in zip(self.primaries, self.replicas, strict=False):
            self._until(partial(replica.knows, primary.id))
            replica.ask("CLUSTER", "REPLICATE", primary.id)
        for replica in self.replicas:
            self._until(replica.follows)

    def _until(self, is_so: Callable[[], bool]) -> None:
        if not wait_until(is_so, START_S):
            raise CannotRun("the nodes of the cluster do not find each other")


@contextmanager
def running(*, replicas: bool = False) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="headrace-cluster-") as folder, ExitStack() as stack:
        count = PRIMARIES * (2 if replicas else 1)
        dead_ms = DEAD_MS if replicas else SLOW_MS
        nodes = [stack.enter_context(Node(Path(folder, str(place)), dead_ms)) for place in range(count)]
        cluster = Cluster(nodes)
        cluster.join()
        yield cluster
