"""Notices to owners: however often one is asked for, it is one mail in five minutes.

The flow that was published made the job's id of recipient and subject. So whether a notice was sent again depended on
how long finished jobs were kept, which nobody had in mind. Here it is said how long a notice is the same.
"""

from typing import Protocol

import headrace

from .certificate_rows import Certificates, Mail
from .changes import key

QUEUE, WINDOW_S = "owner-notices", 300


class Notify(Protocol):
    """The mail to one owner about one matter; of several in the window the first is sent."""

    def __call__(self, recipient: str, subject: str) -> headrace.Call[None]: ...


def notifying(app: headrace.App, rows: Certificates, scale: float) -> Notify:
    """Register the task with an app; `scale` shortens the window."""

    @app.task(queue=QUEUE)
    def send_notice(recipient: str, subject: str) -> None:
        rows.send(Mail(recipient, subject), key=key())

    def notify(recipient: str, subject: str) -> headrace.Call[None]:
        once = headrace.Dedup(f"{recipient}: {subject}", ttl=WINDOW_S * scale)
        return send_notice.call(recipient, subject).options(dedup=once)

    return notify
