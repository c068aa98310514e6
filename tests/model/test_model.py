"""Every engine against the memory store: short and always the same in `make test`, long and random as soak."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Machine

ENGINES = ("sqlite",)

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


def beside(engine: str) -> type[Machine]:
    return type(f"Machine_{engine}", (Machine,), {"engine": engine})


@pytest.mark.parametrize("engine", ENGINES)
def test_a_store_does_what_the_memory_store_does(engine: str) -> None:
    run_state_machine_as_test(beside(engine), settings=SHORT)


@pytest.mark.soak
@pytest.mark.parametrize("engine", ENGINES)
def test_a_store_goes_on_doing_what_the_memory_store_does(engine: str) -> None:
    run_state_machine_as_test(beside(engine), settings=LONG)
