"""The tasks. The module can be imported anywhere, so a child process finds them by their names."""

from dataclasses import dataclass
from pathlib import Path

import headrace
from examples.images import ppm

app = headrace.App()


@dataclass
class Entry:
    """A small picture as the catalogue has it."""

    path: str
    width: int
    height: int


@app.task(queue="pictures", executor="process", timeout=60, memory_max=512 << 20, attempts=2)
def thumbnail(path: str, to: str, width: int = 64) -> str:
    """Scale one picture. To do it twice does no harm, so a second attempt may."""
    ctx = headrace.context()
    last = 0

    def told(percent: int) -> None:
        nonlocal last
        if percent >= last + 20:
            last = percent
            ctx.progress.sync(percent)

    try:
        picture = ppm.read(Path(path))
    except ValueError as error:
        raise headrace.Unrecoverable(str(error)) from error
    ppm.write(Path(to), ppm.scaled(picture, width, told))
    return to


@app.batch_task(queue="catalogue", size=50, wait=0.05)
def catalogue(items: list[str]) -> list[Entry | Exception]:
    """Enter many small pictures by one write; one that cannot be read is left out, and its job fails."""
    entries: list[Entry | Exception] = []
    for path in items:
        try:
            entries.append(Entry(path, *ppm.size_of(Path(path))))
        except (OSError, ValueError) as error:
            entries.append(error)
    lines = [f"{entry.path}\t{entry.width}x{entry.height}\n" for entry in entries if isinstance(entry, Entry)]
    with (Path(items[0]).parent / "catalogue.tsv").open("a") as file:
        file.write("".join(lines))
    return entries


@app.task(queue="catalogue")
async def page(to: str) -> int:
    """Write the page that shows all small pictures, and give their number."""
    entries = await headrace.context().children(catalogue)
    cells = "".join(f'<img src="{Path(entry.path).name}" width="{entry.width}">\n' for entry in entries)
    Path(to).write_text(f"<!doctype html><title>Pictures</title>\n{cells}")
    return len(entries)


def gallery(pictures: list[Path], folder: Path) -> headrace.Call[int]:
    """The flow: scale each, enter each, then the page."""
    entered = []
    for path in pictures:
        small = str(folder / path.name)
        entered.append(catalogue.call(small).after(thumbnail.call(str(path), small)))
    return page.call(str(folder / "index.html")).after(*entered)
