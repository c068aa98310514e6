"""The store on Redis and Valkey, in BullMQ 6's data layout, so that Node's workers and producers share its queues.

A command goes down and its answer comes back up:

- `store`: the four methods; what a command is in Redis: `calls` (the script, its arguments, what its answer means).
- `crowd`: what is asked in one turn of the loop, joined to few scripts. `blocking`: the way in from other threads.
- `script`: the Lua texts, one a command in `commands/`, put together with the pieces in `shared/`.
- `line`: the way to the server, by a `link` (one connection), which the `finder` makes again when it was lost: by the
  `address` of a URL, Sentinels or a cluster. `meaning`: what an error of Redis's means for all of these.
- `bell`: what `Storage.wait` is. It has an `ear` for each queue, on which it hears the queue's marker, and a `watch`,
  one connection for all streams.
- `keys`, `records`, `options`, `failures`: BullMQ's keys and fields, and ours beside them.
- `inspect`: what `headrace doctor` asks the server itself.
"""

from headrace.storage.redis.store import PREFIX, RedisStore

__all__ = ["PREFIX", "RedisStore"]
