"""An authority of our own and a certificate for loopback, made by the program openssl."""

import shutil
import ssl
import subprocess
from pathlib import Path

from tests.servers.process import CannotRun


class Certificates:
    """`authority`, `certificate` and `key` in a folder; and `stranger`, an authority that has signed nothing."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            raise CannotRun("there is no program openssl to make certificates with")
        self._folder = folder
        self.authority, self.stranger = self._made_authority("ours"), self._made_authority("stranger")
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        names = folder / "names"
        names.write_text("subjectAltName=IP:127.0.0.1\n")
        request = folder / "server.csr"
        self._run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-keyout", self.key, "-out", request)
        signed_by = ("-CA", self.authority, "-CAkey", folder / "ours.key", "-CAcreateserial")
        self._run("x509", "-req", "-in", request, *signed_by, "-days", "2", "-extfile", names, "-out", self.certificate)

    def context(self, *, asks: bool = False) -> ssl.SSLContext:
        """For a server; one that `asks` lets in only who shows a certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.authority))
        context.load_cert_chain(self.certificate, self.key)
        context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
        return context

    def _made_authority(self, name: str) -> Path:
        path = self._folder / f"{name}.pem"
        key = self._folder / f"{name}.key"
        self._run(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-keyout", key, "-out", path),
        )
        return path

    def _run(self, *words: str | Path) -> None:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=self._folder)
