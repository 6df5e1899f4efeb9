"""Which certificates are trusted, and what is said of one that is not."""

import ssl
from pathlib import Path
from typing import Any

from idla_contract.egress import CA_FILE

from idla_store.errors import RefusedError
from idla_store.policy import FetchPolicy

_UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})
"""Codes of OpenSSL (X509_V_ERR_*) for a chain that ends at no known authority."""
_REMEDIES = {
    9: "set the clock of this machine, or renew the certificate of the server",
    10: "renew the certificate of the server, or set the clock of this machine",
    62: "use a name that the certificate has",
    64: "use a name that the certificate has",
}
_TRUST = (
    "have an administrator put the certificate of its authority into the ConfigMap of the operator's setting "
    "IDLA_CA_CONFIG_MAP, or give it as `ca.crt` in the Secret of `spec.data.access.secretRef`; idla run --local "
    f"takes it from the file that {CA_FILE} or AWS_CA_BUNDLE names"
)
_PEM = "give certificates in PEM, each between its BEGIN and END line"
_SHOWN_LETTERS = 100


class UntrustedError(Exception):
    """The certificate of a server is not trusted."""

    def __init__(self, error: ssl.SSLCertVerificationError, authority: str) -> None:
        super().__init__(error.verify_message)
        self.code: int = error.verify_code
        self.authority = authority


def trusting(uri: str, policy: FetchPolicy) -> ssl.SSLContext:
    """Return what a connection trusts.

    Raises:
        RefusedError: a file with certificates cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=None if policy.ca_file is None else str(policy.ca_file))
    except OSError as error:
        problem = f"the own certificate authority cannot be read ({type(error).__name__})"
        raise RefusedError(uri, problem, _PEM) from error
    more = policy.more_authorities
    if more is not None and more.exists():
        try:
            context.load_verify_locations(str(more))
        except OSError as error:
            problem = f"{CA_FILE} is {more}, of which no certificate can be read ({type(error).__name__})"
            raise RefusedError(uri, problem, _PEM) from error
    return context


def shake_hands(connection: ssl.SSLSocket) -> None:
    """Begin TLS.

    Raises:
        UntrustedError: the certificate of the server is not trusted.
        OSError: anything else.
    """
    try:
        connection.do_handshake()
    except ssl.SSLCertVerificationError as error:
        raise UntrustedError(error, _authority(connection)) from error


def refusal(uri: str, error: UntrustedError, more_authorities: Path | None) -> RefusedError:
    """Return what is said of a certificate that is not trusted."""
    problem = f"the certificate of the server is not trusted ({error})"
    if error.code not in _UNKNOWN_AUTHORITY:
        return RefusedError(uri, problem, _REMEDIES.get(error.code, _TRUST))
    if error.authority:
        problem += f": its authority is {error.authority!r}, which is not known here"
    if more_authorities is not None and not more_authorities.exists():
        problem += f"; {CA_FILE} is {more_authorities}, where no file is: the ConfigMap or its key is missing here"
    return RefusedError(uri, problem, _TRUST)


def _authority(connection: ssl.SSLSocket) -> str:
    """Return who issued the last certificate that the server showed, or an empty text.

    Python has no public way to a certificate that was not trusted; the private one may give nothing.
    """
    inner: Any = getattr(connection, "_sslobj", None)
    try:
        shown = inner.get_unverified_chain() or ()
        issuer = {name: value for part in shown[-1].get_info()["issuer"] for name, value in part} if shown else {}
    except (AttributeError, OSError, ValueError):
        return ""
    name = str(issuer.get("commonName") or issuer.get("organizationName") or "")
    return "".join(letter for letter in name if letter.isprintable())[:_SHOWN_LETTERS]
