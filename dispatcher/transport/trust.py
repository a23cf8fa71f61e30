"""Whom a TLS connection may turn out to be."""

import ssl
from pathlib import Path

from dispatcher.errors import ConfigError


def tls_context(ca_file: str = "") -> ssl.SSLContext:
    """The one context of all connections: the system's trust store, and `ca_file`, a PEM bundle, in addition.

    There is no switch that verifies less. Raises ConfigError if `ca_file` cannot be used or nobody is trusted.
    """
    # Not `create_default_context`: it would write session keys to wherever SSLKEYLOGFILE points.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    # Python 3.13 made both flags its default; set here, so that every Python judges alike. Private authorities often
    # fall short of RFC 5280's letter, which says nothing about whether they are trusted.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not ca_file:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_default_certs()
    if ca_file:
        _trust(context, ca_file)
    if not context.cert_store_stats()["x509"] and not _has_directory():
        raise ConfigError(
            "TLS: the system trusts no certificate authority, so no receiver could be verified;"
            " install ca-certificates or set egress.ca_file"
        )
    return context


def _trust(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:
        what = "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(f"egress.ca_file: {ca_file}: {what}") from error


def _has_directory() -> bool:
    """Certificates in a directory are loaded when first needed, so the store does not count them."""
    directory = ssl.get_default_verify_paths().capath
    return directory is not None and any(Path(directory).glob("*.[0-9]"))
