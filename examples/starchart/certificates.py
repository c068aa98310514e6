"""A certificate for a subdomain: variant A, the chain of five jobs that was published, each the only child of the next.

    clean_dns                      queue certificate-clean-dns     3 attempts, pauses from 60 s
    └── complete_order             queue certificate-order         5 attempts, pauses from 60 s
        └── complete_challenges    queue certificate-challenges    5 attempts, pauses from 60 s
            └── wait_dns           queue certificate-wait-dns     10 attempts, pauses from 10 s, 85 minutes in all
                └── create_order   queue certificate-order         5 attempts, pauses from 60 s

To prove that a name is ours we put a TXT record into the zone, tell the authority to look for it, and take it away when
we have the certificate.
"""

from typing import NamedTuple, Protocol

import headrace

from .acme import Acme, AcmeSetupError
from .certificate_rows import Certificate, Certificates, Mail
from .changes import check, key
from .dns import Dns

QUEUES = ("certificate-order", "certificate-wait-dns", "certificate-challenges", "certificate-clean-dns")
NOTICES = "notices"


class CertificateFlow(Protocol):
    """The flow that gets the certificate of one row; the job of its root gives no result."""

    def __call__(self, certificate_id: int) -> headrace.Call[None]: ...


class Certifying(NamedTuple):
    """The whole chain; its first four jobs alone; and the mails to the owners."""

    certify: CertificateFlow
    obtain: CertificateFlow
    send_mail: headrace.Task[[str, str], None]


def certifying(app: headrace.App, rows: Certificates, dns: Dns, authority: str, scale: float) -> Certifying:
    """Register the tasks of a certificate with an app; `scale` shortens their pauses."""
    minute, ten_seconds = headrace.Exponential(60 * scale), headrace.Exponential(10 * scale)

    @app.task(queue=NOTICES)
    def send_mail(recipient: str, subject: str) -> None:
        rows.send(Mail(recipient, subject), key=key())

    @app.task(queue="certificate-order", attempts=5, backoff=minute)
    def create_order(certificate_id: int) -> str:
        order = connect(authority).order(rows.get(certificate_id).name, key=key())
        rows.set_order(certificate_id, order.id)
        # `update` and not `create`: the proof of an earlier flow that has failed may still be in the zone.
        return dns.update(order.record, order.value, kind="TXT", key=key())

    @app.task(queue="certificate-wait-dns", attempts=10, backoff=ten_seconds)
    def wait_dns(change_id: str = headrace.from_child(create_order)) -> None:
        check(dns, change_id)  # polling by burning attempts, as everywhere in variant A

    @app.task(queue="certificate-challenges", attempts=5, backoff=minute)
    def complete_challenges(certificate_id: int) -> None:
        # A rejected order is lost, so four of the five attempts are in vain.
        connect(authority).prove(rows.get(certificate_id).order_id)

    @app.task(queue="certificate-order", attempts=5, backoff=minute)
    def complete_order(certificate_id: int) -> None:
        row = rows.get(certificate_id)
        rows.set_issued(row.id, connect(authority).certificate(row.order_id))
        # The id makes it one mail, even if a worker dies after this line and another begins from the top.
        notice = send_mail.call(row.owner, f"the certificate of {row.name} is issued")
        app.enqueue.sync(notice.options(job_id=f"issued-{row.id}"))

    @app.task(queue="certificate-clean-dns", attempts=3, backoff=minute)
    def clean_dns(certificate_id: int) -> None:
        # That this were run after a failure too was meant, and is not so: a child that fails for good fails its parent,
        # which is then not run, and the record stays in the zone.
        delete_proof(dns, rows.get(certificate_id))

    def obtain(certificate_id: int) -> headrace.Call[None]:
        proved = complete_challenges.call(certificate_id).after(
            wait_dns.call().after(create_order.call(certificate_id)),
        )
        return complete_order.call(certificate_id).after(proved)

    def certify(certificate_id: int) -> headrace.Call[None]:
        return clean_dns.call(certificate_id).after(obtain(certificate_id))

    return Certifying(certify, obtain, send_mail)


def delete_proof(dns: Dns, row: Certificate) -> None:
    """Take the TXT record out of the zone; none is there afterwards, also if none was there before."""
    dns.delete(f"_acme-challenge.{row.name}", kind="TXT", key=key())


def connect(authority: str) -> Acme:
    """The authority. If we are not set up for it fail for good, its error as the cause: no attempt could do better."""
    try:
        return Acme.connect(authority)
    except AcmeSetupError as error:
        raise headrace.Unrecoverable(str(error)) from error
