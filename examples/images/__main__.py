"""Scale some pictures and show how far that is: `python -m examples.images [COUNT]`."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from rich.progress import Progress

WIDTH, HEIGHT = 900, 600


async def main(count: int, folder: Path) -> None:
    # The app reads the address when it is imported, here and in the child processes.
    os.environ["HEADRACE_URL"] = f"sqlite:///{folder / 'headrace.db'}"
    from examples.images.app import app, gallery, thumbnail
    from examples.images.ppm import waves, write

    concurrency = max(2, os.cpu_count() or 2)
    pictures = [folder / f"{number}.ppm" for number in range(count)]
    for number, path in enumerate(pictures):
        write(path, waves(WIDTH, HEIGHT, number))
    small = folder / "small"
    small.mkdir()
    async with app:
        root = await app.enqueue(gallery(pictures, small))
        grown = await app.tree(root)
        jobs = [await app.get(node.job.queue, node.job.id) for node in grown.nodes if node.name == thumbnail.name]
        with Progress(transient=True) as bars:
            bar = bars.add_task("pictures", total=100 * count)
            async with app.worker("pictures", "catalogue", concurrency=concurrency):
                ended = asyncio.create_task(root.result(timeout=120))
                while not ended.done():
                    bars.update(bar, completed=sum([await job.progress() or 0 for job in jobs]))
                    await asyncio.wait([ended], timeout=0.1)
                shown = await ended
    print(f"{shown} pictures scaled, entered and shown, by {min(count, concurrency)} processes")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 12, Path(made)))
