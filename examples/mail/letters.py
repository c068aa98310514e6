"""The task that sends a letter. The app is made by a function, so that a test can have one for itself."""

import smtplib
from email.message import EmailMessage

import headrace

TEMPORARY = range(400, 500)


def make_app(url: str, smtp: tuple[str, int], *, pause: float = 30) -> headrace.App:
    """An app with the task `send`, for the mail server at this host and port."""
    app = headrace.App(url, settings=headrace.Settings())

    @app.task(queue="mail", attempts=5, backoff=headrace.Exponential(pause, jitter=0.5, max=3600), timeout=60)
    def send(to: str, subject: str, text: str) -> str:
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = "shop@example.org", to, subject
        job = headrace.context().job
        letter["Message-ID"] = message_id = f"<{job.queue}.{job.id}@shop.example.org>"
        letter.set_content(text)
        try:
            with smtplib.SMTP(*smtp, timeout=30) as server:
                server.send_message(letter)
        except smtplib.SMTPRecipientsRefused as error:
            code, reason = error.recipients[to]
            problem = f"{code} {reason.decode()}"
            if code in TEMPORARY:
                raise ConnectionError(problem) from error
            raise headrace.Unrecoverable(problem) from error
        return message_id

    return app
