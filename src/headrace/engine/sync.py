"""The blocking form of async methods, derived from them: `await thing.ask(…)`, or `thing.ask.sync(…)`.

The methods of an object that has a `_home` are decorated with `@blocking`, `@blocking_iterator` (async generators) or
`@blocking_context` (async context managers). Awaited on the home loop such a method is a plain call; from another
loop, and from a thread through `.sync`, the call travels to the home loop and its answer back. Arguments and types
are those of the method. A method that is generic itself says its shape: `@BlockingAs[ShapeOfAsk]`, a protocol with
`__call__` and `sync`, since no type checker carries type variables through a decorator that returns an object.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from headrace.engine.home import Home

P = ParamSpec("P")
R = TypeVar("R")
Shape_co = TypeVar("Shape_co", covariant=True)


class AtHome(Protocol):
    """An object whose I/O happens on one loop."""

    @property
    def _home(self) -> Home: ...


S = TypeVar("S", bound=AtHome)


class _Method:
    """A function and the object whose method it is."""

    __slots__ = ("_function", "_thing")

    def __init__(self, function: Callable[..., Any], thing: AtHome) -> None:
        self._function, self._thing = function, thing

    @property
    def _at(self) -> Home:
        return self._thing._home  # pyright: ignore[reportPrivateUsage]

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return partial(self._function, self._thing)


class Bound(_Method, Generic[P, R]):
    """An async method of one object, with its blocking form."""

    __slots__ = ()

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        home = self._thing._home  # pyright: ignore[reportPrivateUsage]  # `_at`, spelled out: every call comes by
        if home.is_here():
            called: Coroutine[Any, Any, R] = self._function(self._thing, *args, **kwargs)
            return called
        return home.carry(partial(self._function, self._thing, *args, **kwargs))

    def sync(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do it and wait for the answer; `Misuse` inside a running event loop."""
        make: Callable[[], Coroutine[Any, Any, R]] = partial(self._function, self._thing, *args, **kwargs)
        return self._at.block(self._function.__qualname__, make)


class BoundIterator(_Method, Generic[P, R]):
    """An async generator method of one object, with its blocking form."""

    __slots__ = ()

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[R, None]:
        source: AsyncGenerator[R, None] = self._function(self._thing, *args, **kwargs)
        return source if self._at.is_here() else _carried(self._at, source)

    def sync(self, /, *args: P.args, **kwargs: P.kwargs) -> Generator[R, None, None]:
        """The same items, each waited for; `Misuse` inside a running event loop."""
        self._at.check(self._function.__qualname__)
        return _blocked(self._at, self._function.__qualname__, self._function(self._thing, *args, **kwargs))


class BoundContext(_Method, Generic[P, R]):
    """A method of one object that gives an async context manager, with its blocking form."""

    __slots__ = ()

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[R]:
        inner: AbstractAsyncContextManager[R] = self._function(self._thing, *args, **kwargs)
        return inner if self._at.is_here() else _CarriedContext(self._at, inner)

    def sync(self, /, *args: P.args, **kwargs: P.kwargs) -> AbstractContextManager[R]:
        """The same for a `with` statement; `Misuse` inside a running event loop."""
        self._at.check(self._function.__qualname__)
        inner: AbstractAsyncContextManager[R] = self._function(self._thing, *args, **kwargs)
        return _BlockingContext(self._at, self._function.__qualname__, inner)


class _Descriptor:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__


class Blocking(_Descriptor, Generic[S, P, R]):
    """What `@blocking` leaves in the class."""

    @overload
    def __get__(self, thing: None, owner: type) -> Self: ...
    @overload
    def __get__(self, thing: S, owner: type) -> Bound[P, R]: ...
    def __get__(self, thing: S | None, owner: type) -> Self | Bound[P, R]:
        return self if thing is None else Bound(self.__wrapped__, thing)


class BlockingIterator(_Descriptor, Generic[S, P, R]):
    """What `@blocking_iterator` leaves in the class."""

    @overload
    def __get__(self, thing: None, owner: type) -> Self: ...
    @overload
    def __get__(self, thing: S, owner: type) -> BoundIterator[P, R]: ...
    def __get__(self, thing: S | None, owner: type) -> Self | BoundIterator[P, R]:
        return self if thing is None else BoundIterator(self.__wrapped__, thing)


class BlockingContext(_Descriptor, Generic[S, P, R]):
    """What `@blocking_context` leaves in the class."""

    @overload
    def __get__(self, thing: None, owner: type) -> Self: ...
    @overload
    def __get__(self, thing: S, owner: type) -> BoundContext[P, R]: ...
    def __get__(self, thing: S | None, owner: type) -> Self | BoundContext[P, R]:
        return self if thing is None else BoundContext(self.__wrapped__, thing)


class BlockingAs(_Descriptor, Generic[Shape_co]):
    """`@blocking` for a method that is generic itself: `@BlockingAs[Shape]` names the shape of the bound method."""

    @overload
    def __get__(self, thing: None, owner: type) -> Self: ...
    @overload
    def __get__(self, thing: AtHome, owner: type) -> Shape_co: ...
    def __get__(self, thing: AtHome | None, owner: type) -> Any:
        return self if thing is None else Bound(self.__wrapped__, thing)


def blocking(function: Callable[Concatenate[S, P], Coroutine[Any, Any, R]]) -> Blocking[S, P, R]:
    """An async method, and its blocking form at `.sync`."""
    return Blocking(function)


def blocking_iterator(function: Callable[Concatenate[S, P], AsyncGenerator[R, None]]) -> BlockingIterator[S, P, R]:
    """An async generator method, and its blocking form at `.sync`."""
    return BlockingIterator(function)


def blocking_context(
    function: Callable[Concatenate[S, P], AbstractAsyncContextManager[R]],
) -> BlockingContext[S, P, R]:
    """A method that gives an async context manager, and its blocking form at `.sync`."""
    return BlockingContext(function)


_END: Final[Any] = object()


async def _next(source: AsyncIterator[R]) -> R:
    return await anext(source, _END)


async def _close(source: AsyncGenerator[Any, None]) -> None:
    await source.aclose()


async def _carried(home: Home, source: AsyncGenerator[R, None]) -> AsyncGenerator[R, None]:
    try:
        while (item := await home.carry(partial(_next, source))) is not _END:
            yield item
    finally:
        await home.carry(partial(_close, source))


def _blocked(home: Home, name: str, source: AsyncGenerator[R, None]) -> Generator[R, None, None]:
    try:
        while (item := home.block(name, partial(_next, source))) is not _END:
            yield item
    finally:
        home.block(name, partial(_close, source))


async def _enter(inner: AbstractAsyncContextManager[R]) -> R:
    return await inner.__aenter__()


async def _leave(inner: AbstractAsyncContextManager[Any], ended: Any) -> bool | None:
    return await inner.__aexit__(*ended)


class _CarriedContext(AbstractAsyncContextManager[R]):
    def __init__(self, home: Home, inner: AbstractAsyncContextManager[R]) -> None:
        self._home, self._inner = home, inner

    async def __aenter__(self) -> R:
        return await self._home.carry(partial(_enter, self._inner))

    async def __aexit__(self, *ended: object) -> bool | None:
        return await self._home.carry(partial(_leave, self._inner, ended))


class _BlockingContext(AbstractContextManager[R]):
    def __init__(self, home: Home, name: str, inner: AbstractAsyncContextManager[R]) -> None:
        self._home, self._name, self._inner = home, name, inner

    def __enter__(self) -> R:
        return self._home.block(self._name, partial(_enter, self._inner))

    def __exit__(self, *ended: object) -> bool | None:
        return self._home.block(self._name, partial(_leave, self._inner, ended))
