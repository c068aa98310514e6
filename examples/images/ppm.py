"""Pictures as the simplest format there is (binary PPM), in plain Python: read, write, make, and scale."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import sin
from pathlib import Path

PIXELS_MAX = 50_000_000


@dataclass(frozen=True, slots=True)
class Picture:
    """Rows of red, green and blue bytes."""

    width: int
    height: int
    rows: list[bytes]


def size_of(path: Path) -> tuple[int, int]:
    """Width and height: `ValueError` if the file is no picture."""
    with path.open("rb") as file:
        return _header(path, file.read(64))[:2]


def read(path: Path) -> Picture:
    raw = path.read_bytes()
    width, height, start = _header(path, raw)
    line = 3 * width
    rows = [raw[at : at + line] for at in range(start, start + height * line, line)]
    if len(raw) < start + height * line:
        raise ValueError(f"{path.name} ends too soon")
    return Picture(width, height, rows)


def write(path: Path, picture: Picture) -> None:
    path.write_bytes(b"P6\n%d %d\n255\n" % (picture.width, picture.height) + b"".join(picture.rows))


def scaled(picture: Picture, width: int, told: Callable[[int], None]) -> Picture:
    """The picture at this width, each pixel the mean of those it stands for; `told` hears the percents."""
    step = picture.width / width
    height = max(1, round(picture.height / step))
    rows: list[bytes] = []
    for y in range(height):
        band = picture.rows[int(y * step) : max(int((y + 1) * step), int(y * step) + 1)]
        rows.append(bytes(_means(band, width, step)))
        told(100 * (y + 1) // height)
    return Picture(width, height, rows)


def waves(width: int, height: int, seed: int) -> Picture:
    """A picture to have one."""
    across = [int(127 + 127 * sin(x / (9 + seed))) for x in range(width)]
    rows = []
    for y in range(height):
        down = int(127 + 127 * sin(y / (5 + seed)))
        rows.append(bytes(value for x in across for value in (x, down, (x + down) // 2)))
    return Picture(width, height, rows)


def _means(band: list[bytes], width: int, step: float) -> Iterator[int]:
    for x in range(width):
        first, last = 3 * int(x * step), 3 * max(int((x + 1) * step), int(x * step) + 1)
        for colour in range(3):
            cells = [row[first + colour : last : 3] for row in band]
            yield sum(map(sum, cells)) // sum(map(len, cells))


def _header(path: Path, raw: bytes) -> tuple[int, int, int]:
    parts = raw[:64].split(b"\n", 3)
    try:
        kind, size, most, _ = parts
        width, height = map(int, size.split())
    except ValueError:
        raise ValueError(f"{path.name} is no PPM picture") from None
    if kind != b"P6" or most != b"255" or not 0 < width * height <= PIXELS_MAX:
        raise ValueError(f"{path.name} is no PPM picture of this kind")
    return width, height, len(kind) + len(size) + len(most) + 3
