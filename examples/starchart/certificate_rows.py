"""What the service knows of certificates, and the mails that it has sent; a table stands in for the mail server."""

from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from .database import Database

CertificateStatus: TypeAlias = Literal["pending", "issued", "failed"]

TABLES = """
CREATE TABLE IF NOT EXISTS certificates (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    owner       TEXT NOT NULL,
    status      TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'issued', 'failed')),
    order_id    TEXT NOT NULL DEFAULT '',
    certificate TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS mails (key TEXT PRIMARY KEY, recipient TEXT NOT NULL, subject TEXT NOT NULL)
"""


class Certificate(NamedTuple):
    id: int
    name: str
    owner: str
    status: CertificateStatus
    order_id: str
    certificate: str


class Mail(NamedTuple):
    recipient: str
    subject: str


class Certificates(Database):
    """The tables of certificates and mails. Each call is a transaction."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, TABLES)

    def add(self, name: str, owner: str) -> int:
        """The id of a new certificate, which is pending."""
        with self.transaction() as db:
            db.execute("INSERT INTO certificates (name, owner) VALUES (?, ?)", (name, owner))
            return db.last_insert_rowid()

    def get(self, certificate_id: int) -> Certificate:
        with self.transaction() as db:
            row = db.execute("SELECT * FROM certificates WHERE id = ?", (certificate_id,)).fetchone()
            assert row is not None, f"there is no certificate {certificate_id}"
            return Certificate(*row)

    def set_order(self, certificate_id: int, order_id: str) -> None:
        with self.transaction() as db:
            db.execute("UPDATE certificates SET order_id = ? WHERE id = ?", (order_id, certificate_id))

    def set_issued(self, certificate_id: int, certificate: str) -> None:
        with self.transaction() as db:
            change = "UPDATE certificates SET status = 'issued', certificate = ? WHERE id = ?"
            db.execute(change, (certificate, certificate_id))

    def set_failed(self, certificate_id: int) -> None:
        """Mark a certificate failed, and forget its order, which is lost."""
        with self.transaction() as db:
            db.execute("UPDATE certificates SET status = 'failed', order_id = '' WHERE id = ?", (certificate_id,))

    def send(self, mail: Mail, *, key: str) -> None:
        """Send a mail; by the key the same one is known when a job runs again, and not sent twice."""
        with self.transaction() as db:
            db.execute("INSERT OR IGNORE INTO mails VALUES (?, ?, ?)", (key, *mail))

    def mails(self) -> list[Mail]:
        with self.transaction() as db:
            return [Mail(*row) for row in db.execute("SELECT recipient, subject FROM mails ORDER BY rowid")]
