"""Every engine against the memory store: short and always the same in `make test`, long and random as soak."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Machine
from tests.model.on_redis import OnRedis

SERVERS = {"redis": "valkey_url", "redis7": "redis7_url", "sentinel": "sentinel_url", "cluster": "cluster_url"}
RARE = ("redis7", "sentinel", "cluster")
ENGINES = ("sqlite", "redis", *(pytest.param(server, marks=pytest.mark.soak) for server in RARE))

EXAMPLES = int(os.environ.get("HEADRACE_TEST_MODEL_EXAMPLES", "60"))
SHORT = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SHORT, max_examples=10 * EXAMPLES, stateful_step_count=100, derandomize=False)


@pytest.fixture(params=ENGINES)
def machine(request: pytest.FixtureRequest) -> type[Machine]:
    """Memory beside the engine."""
    if request.param in SERVERS:
        url = request.getfixturevalue(SERVERS[request.param])
        return type(f"Machine_{request.param}", (OnRedis,), {"url": url})
    return type(f"Machine_{request.param}", (Machine,), {"engine": request.param})


def of(machine: type[Machine], length: settings) -> settings:
    """Every command of Redis's is a round trip, and all that can be seen is many."""
    return settings(length, max_examples=length.max_examples // 20) if issubclass(machine, OnRedis) else length


def test_a_store_does_what_the_memory_store_does(machine: type[Machine]) -> None:
    run_state_machine_as_test(machine, settings=of(machine, SHORT))


@pytest.mark.soak
def test_a_store_goes_on_doing_what_the_memory_store_does(machine: type[Machine]) -> None:
    run_state_machine_as_test(machine, settings=of(machine, LONG))
