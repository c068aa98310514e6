"""What an app has beside its tasks and queues: what several programs do together on one store."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from types import ModuleType
from typing import Any, Self

from headrace.client import Client, Door
from headrace.engine.home import Home
from headrace.engine.sync import blocking_context
from headrace.lock import Holder, Lock, Locks
from headrace.plugins import load
from headrace.spans import Span
from headrace.workers import Workers


class Commons:
    """The part of `App` that is about others."""

    _client: Client
    _door: Door

    @property
    def _home(self) -> Home:
        return self._client.home

    @blocking_context
    def lock(
        self, name: str, *, ttl: Span = 30, limit: int = 1, timeout: Span | None = None
    ) -> AbstractAsyncContextManager[Lock]:
        """Hold the lock `name` while the block runs, alone, or as one of `limit`: `async with app.lock("billing"):`.

        Waits until it is free, at most `timeout` seconds (0: not at all), then raises `Held`, which says who holds it.
        Waiters have no order. It is renewed in the background, also while the block keeps the event loop busy; if the
        process dies, it is free after `ttl` seconds. A lock is not held twice: inside the block, waiting for it again
        never ends.

        `LockLost` at the end of the block if it was lost meanwhile, because then the block was not alone; see
        `Lock.lost` and `Lock.fence` for what to do earlier. `limit` is the asker's: where askers differ, each looks
        only whether fewer than its own hold the lock. `InvalidName` for no name, `InvalidOption` for a wrong number.
        """
        return self._holder.hold(name, ttl, limit, timeout)

    def plugin(self, plugin: ModuleType | Callable[[Self], object] | str | None = None, /) -> None:
        """Let a plugin register its tasks, handlers, middleware and hooks with this app.

        It is a module that has a function `register(app)`, such a function itself, or the name of a plugin that an
        installed package brings, by an entry point in the group `headrace.plugins`; without an argument, each of
        those, by name. What this app has already is not registered twice. Ask for plugins where the tasks are
        defined, before there is a worker.

        `PluginFailed` says which plugin of which package cannot be loaded, and then nothing is registered; or which
        has failed to register, and then the app is half made and should not be used.
        """
        for each in load(plugin):
            if each.register not in self._plugged:
                each.attach(self)
                self._plugged.append(each.register)

    @cached_property
    def _plugged(self) -> list[Callable[[Any], object]]:
        return []

    @cached_property
    def locks(self) -> Locks:
        """The locks of the store: who holds them, and taking them away by hand."""
        return Locks(self._door, self._home)

    @cached_property
    def workers(self) -> Workers:
        """The workers that live, wherever they run: who they are, and telling them what to do."""
        return Workers(self._door, self._home)

    @cached_property
    def _holder(self) -> Holder:
        return Holder(self._door, round(self._client.settings.poll * 1000))
