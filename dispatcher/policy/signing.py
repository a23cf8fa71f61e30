"""What a profile says about signatures: the scheme, how a secret becomes a key, the header."""

from dataclasses import dataclass
from enum import StrEnum


class Scheme(StrEnum):
    """What is signed, and where the signature goes."""

    STANDARD = "standard"
    GITHUB = "github"
    STRIPE = "stripe"
    EMBEDDED = "embedded"
    NONE = "none"


class Encoding(StrEnum):
    """How a secret becomes a key: decoded after `whsec_`, as its own bytes, or as hexadecimal digits."""

    BASE64 = "base64"
    UTF8 = "utf8"
    HEX = "hex"


HEADERS = {
    Scheme.STANDARD: "webhook-signature",
    Scheme.GITHUB: "x-hub-signature-256",
    Scheme.STRIPE: "stripe-signature",
    Scheme.EMBEDDED: "webhook-signature",
    Scheme.NONE: "",
}
MAY_BE_NAMED = frozenset({Scheme.GITHUB, Scheme.STRIPE})
"""The schemes whose header a profile may call something else."""


@dataclass(frozen=True, slots=True)
class Signing:
    """How requests are signed. `encoding` means nothing to `standard`, which is always base64."""

    scheme: Scheme = Scheme.STANDARD
    encoding: Encoding = Encoding.BASE64
    header: str = ""

    @classmethod
    def of(cls, scheme: Scheme, encoding: Encoding | None = None, header: str = "") -> "Signing":
        """What is meant where only the scheme is said: `github` and `stripe` take a secret as it stands."""
        return cls(scheme, encoding or (Encoding.UTF8 if scheme in MAY_BE_NAMED else Encoding.BASE64), header)

    @property
    def header_name(self) -> str:
        """The header of the signature, in lower case; empty where there is none."""
        return self.header.lower() if self.header and self.scheme in MAY_BE_NAMED else HEADERS[self.scheme]
