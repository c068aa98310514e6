"""The service, put together by a function: importing this opens nothing, and a test can have as many as it wants."""

import os
from dataclasses import dataclass
from pathlib import Path

import headrace

from .better import Request, requesting
from .better_certificates import closing
from .certificate_rows import Certificates
from .certificates import CertificateFlow, certifying
from .changes import DeleteFlow, UpdateFlow, deleting, updating
from .dns import Dns
from .flows import CreateFlow, published
from .notices import Notify, notifying
from .reconciler import MakeWish, Wishes, reconciling
from .records import Records
from .siblings import WholeFlow, undone_as_a_whole

SCALE = 0.001
DEFAULTS = headrace.Settings()
"""Settings given whole: nothing of the environment or of a file that lies about changes what an example shows."""


@dataclass(frozen=True, slots=True)
class Starchart:
    """The app with its queues, the service's own database, and the flows for subdomains and certificates.

    `create` is variant A of a new subdomain, a flow to be enqueued; `request` is variant B, which enqueues it itself.
    `create_or_nothing` is that of variant A again, where a branch that fails ends the other.
    `certify` is variant A of a certificate, `certify_and_close` variant B, both to be enqueued.
    `wish` says what the zone should be, and `notify` makes the notice to an owner.
    """

    app: headrace.App
    records: Records
    certificates: Certificates
    create: CreateFlow
    update: UpdateFlow
    delete: DeleteFlow
    certify: CertificateFlow
    certify_and_close: CertificateFlow
    request: Request
    create_or_nothing: WholeFlow
    wish: MakeWish
    notify: Notify


def starchart(
    url: str, *, records: Path, dns: str, acme: str, scale: float, settings: headrace.Settings = DEFAULTS
) -> Starchart:
    """The service on the store at `url`, with its records in a file, and provider and authority at other URLs.

    For variant B the records must be in the file of the store.
    """
    app = headrace.App(url, settings=settings)
    table, certificates, provider = Records(records), Certificates(records), Dns(dns)
    create = published(app, table, provider, scale)
    certify, obtain, send_mail = certifying(app, certificates, provider, acme, scale)
    return Starchart(
        app,
        table,
        certificates,
        create,
        updating(app, table, provider, scale),
        deleting(app, table, provider, scale),
        certify,
        closing(app, certificates, provider, obtain, send_mail, scale),
        requesting(app, table, provider, scale),
        undone_as_a_whole(app, table, provider, create, scale),
        reconciling(app, Wishes(records), provider, scale),
        notifying(app, certificates, scale),
    )


def read_scale(default: float = SCALE) -> float:
    """What every pause is multiplied by, from `STARCHART_SCALE`: with 0.001, one of 15 s takes 15 ms."""
    text = os.environ.get("STARCHART_SCALE") or default
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 1:
        raise ValueError(f"STARCHART_SCALE is {text!r}; it is a number above 0, at most 1")
    return found
