"""A certificate as it should end: variant B. The first four jobs are those of `certificates.py`; the fifth is a step.

    complete_order
    └── complete_challenges
        └── wait_dns
            └── create_order
    finally: close_certificate     queue certificate-close     10 attempts, pauses from 60 s

A parent is not run when a child has failed; a step is run however the others have ended, once they all have.
"""

import headrace

from .certificate_rows import Certificates
from .certificates import CertificateFlow, delete_proof
from .dns import Dns

CLOSING = "certificate-close"


def closing(
    app: headrace.App,
    rows: Certificates,
    dns: Dns,
    obtain: CertificateFlow,
    send_mail: headrace.Task[[str, str], None],
    scale: float,
) -> CertificateFlow:
    """Register the step with an app; `obtain` are the four jobs that it follows."""

    @app.task(queue=CLOSING, attempts=10, backoff=headrace.Exponential(60 * scale))
    def close_certificate(certificate_id: int) -> None:
        # A worker may die anywhere in here, and another begins at the top. So each line bears to be done twice: the row
        # is failed already, the mail is a job of the same id, and the provider knows the request by its key.
        row = rows.get(certificate_id)
        if headrace.context().ended.sync().state != "completed":
            rows.set_failed(row.id)
            notice = send_mail.call(row.owner, f"there is no certificate of {row.name}")
            app.enqueue.sync(notice.options(job_id=f"failed-{row.id}"))
        delete_proof(dns, row)  # last, because it has to ask somebody who may not answer

    def certify_and_close(certificate_id: int) -> headrace.Call[None]:
        return obtain(certificate_id).finally_(close_certificate.call(certificate_id))

    return certify_and_close
