"""An app with one task, a plain function. It opens nothing before it is used."""

import hashlib
import os
import tempfile
from pathlib import Path

import headrace

URL = os.environ.get("HEADRACE_URL") or f"sqlite:///{tempfile.gettempdir()}/headrace-script.db"

app = headrace.App(settings=headrace.Settings(url=URL))


@app.task(queue="files", attempts=2)
def digest(path: str, changed_at: int) -> str:
    """The SHA-256 of a file as it was at that time."""
    file = Path(path)
    if file.stat().st_mtime_ns != changed_at:
        raise headrace.Unrecoverable(f"{path} has changed meanwhile")
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
