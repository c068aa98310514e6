"""Work that a cancelled caller must not leave half done."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

R = TypeVar("R")


async def undisturbed(work: Coroutine[Any, Any, R]) -> R:
    """Finish this in a task of its own, even if the caller is cancelled meanwhile."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
