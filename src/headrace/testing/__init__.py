"""What tests of jobs need: an app on a store of its own, a clock that stands still, and faults on demand.

With pytest it comes as fixtures (`headrace.testing.plugin`); nothing here needs pytest.
"""

from headrace.testing.bench import Bench
from headrace.testing.clock import FrozenClock
from headrace.testing.enqueued import Enqueued
from headrace.testing.faults import Faults, FaultyStore

__all__ = ["Bench", "Enqueued", "Faults", "FaultyStore", "FrozenClock"]
