"""The store on Redis and Valkey, in BullMQ 6's data layout, so that Node's workers and producers share its queues."""

from headrace.storage.redis.store import PREFIX, RedisStore

__all__ = ["PREFIX", "RedisStore"]
