"""How Kafka is spoken to where it asks who is there: TLS, a client's certificate, SASL."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rtchart.core.errors import UserError

Protocol = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
"""As Kafka's clients name it, ``security.protocol``."""
Mechanism = Literal["scram-sha-512", "scram-sha-256", "plain"]


@dataclass(frozen=True)
class Security:
    """What ``--kafka-security`` and the options beside it say. `settings` checks that they fit together."""

    protocol: Protocol = "plaintext"
    mechanism: Mechanism | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    """PEM of the authority that signed the brokers' certificates; None: those that this machine trusts."""
    cert: Path | None = None
    """PEM of the client's own certificate; ``key`` may be in the same file."""
    key: Path | None = None

    def settings(self) -> dict[str, Any]:
        """What each of aiokafka's clients is given. Reads the files anew, so that a certificate may be exchanged.

        Raises `UserError`: options that contradict each other, files that cannot be read.
        """
        settings: dict[str, Any] = {"security_protocol": self.protocol.upper()}
        if self.protocol.startswith("sasl"):
            settings |= self._sasl()
        else:
            self._unused("sasl_ssl or sasl_plaintext", sasl=self.mechanism, user=self.user, password=self.password)
        if self.protocol.endswith("ssl"):
            settings["ssl_context"] = self._ssl()
        else:
            self._unused("ssl or sasl_ssl", ca=self.ca, cert=self.cert, key=self.key)
        return settings

    def _sasl(self) -> dict[str, Any]:
        if not self.user or not self.password:
            missing = "--kafka-user" if not self.user else "--kafka-password"
            raise UserError(f"--kafka-security {self.protocol} needs a user and a password; give {missing} too")
        return {
            "sasl_mechanism": (self.mechanism or "scram-sha-512").upper(),
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
        }

    def _ssl(self) -> ssl.SSLContext:
        if self.key is not None and self.cert is None:
            raise UserError("--kafka-key is the key of a certificate; give --kafka-cert too")
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except OSError as error:  # ssl.SSLError is one
            raise _unreadable("--kafka-ca", self.ca, error) from None
        if self.cert is not None:
            try:
                # Without a password function, OpenSSL would ask for one on the terminal.
                context.load_cert_chain(self.cert, self.key, password=lambda: "")
            except OSError as error:
                names = (
                    "--kafka-cert and --kafka-key"
                    if self.key
                    else "--kafka-cert (which must hold the key, without --kafka-key)"
                )
                raise _unreadable(names, self.key or self.cert, error) from None
        return context

    def _unused(self, protocols: str, **options: object) -> None:
        for name, value in options.items():
            if value is not None:
                raise UserError(
                    f"--kafka-{name} is given, and --kafka-security is {self.protocol}, which has no use for it; "
                    f"choose --kafka-security {protocols}, or leave --kafka-{name} out"
                )


def _unreadable(options: str, path: Path | None, error: OSError) -> UserError:
    if isinstance(error, ssl.SSLError):
        why = f"{path} holds no PEM that fits ({(error.reason or 'unknown').replace('_', ' ').lower()})"
    else:
        why = f"{path}: {error.strerror}"
    return UserError(f"the files of {options} cannot be used: {why}; correct the path, or the file")
