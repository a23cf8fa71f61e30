"""A certificate authority, and the certificates, good and bad, it gives to receivers."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Authority:
    """Keeps everything below `folder`; `ca_file` is what a sender has to trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A test authority")])
        draft = self._draft(self._name, self._key, datetime.now(UTC) + 30 * DAY)
        draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        draft = draft.add_extension(_usage(signs=True), critical=True)
        self._certificate = draft.sign(self._key, hashes.SHA256())
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *, days: int = 7, signed: bool = True) -> ssl.SSLContext:
        """A receiver's side of TLS, with a certificate for `name`, or an address; signed by itself unless `signed`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate(name, days=days, signed=signed))
        return context

    def certificate(self, name: str, *, days: int = 7, signed: bool = True) -> Path:
        """A file with such a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        draft = self._draft(subject if not signed else self._name, key, datetime.now(UTC) + days * DAY, subject)
        draft = draft.add_extension(x509.SubjectAlternativeName([_general(name)]), critical=False)
        draft = draft.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        certificate = draft.sign(self._key if signed else key, hashes.SHA256())
        file = self._folder / f"{name}-{certificate.serial_number}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return file

    def _draft(
        self,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        ends: datetime,
        subject: x509.Name | None = None,
    ) -> x509.CertificateBuilder:
        signer = self._key if issuer == self._name else key
        return (
            x509.CertificateBuilder()
            .issuer_name(issuer)
            .subject_name(subject or issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(datetime.now(UTC), ends) - 30 * DAY)
            .not_valid_after(ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )


def _general(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
