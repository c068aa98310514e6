"""The store in memory: the specification that the other stores are compared with, and a quick one for tests."""

from headrace.storage.memory.store import MemoryStore as MemoryStore
