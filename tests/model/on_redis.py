"""The machine beside Redis."""

import uuid

from headrace.storage.protocol import Storage
from headrace.storage.redis import RedisStore
from tests.conftest import cleared
from tests.model.machine import Machine


class OnRedis(Machine):
    engine = "redis"
    url: str
    """Of a server; a subclass says which."""

    def other(self) -> Storage:
        self.prefix = f"m{uuid.uuid4().hex[:8]}"
        return RedisStore(self.url, prefix=self.prefix, clock=self.clock)

    def teardown(self) -> None:
        super().teardown()
        cleared(self.url, self.prefix)
