"""Certificates that a test makes, of an authority of its own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Keys:
    """An authority in a folder, ``ca``, and what it has signed."""

    folder: Path

    def __post_init__(self) -> None:
        self.ca = self.folder / "ca.pem"
        self._openssl("req", "-x509", "-nodes", "-subj", "/CN=rtchart tests", "-keyout", "ca.key", "-out", "ca.pem")

    def sign(self, name: str, *extensions: str) -> Path:
        """A PEM file with the key and the certificate of ``name``."""
        (self.folder / "extensions").write_text("\n".join(extensions))
        self._openssl("req", "-new", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        issuer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions")
        self._openssl("x509", "-req", "-in", f"{name}.csr", *issuer, "-out", f"{name}.crt")
        both = self.folder / f"{name}.pem"
        both.write_text((self.folder / f"{name}.key").read_text() + (self.folder / f"{name}.crt").read_text())
        return both

    def _openssl(self, *arguments: str) -> None:
        days = () if "-new" in arguments else ("-days", "2")
        subprocess.run(["openssl", *arguments, *days], cwd=self.folder, check=True, capture_output=True)
