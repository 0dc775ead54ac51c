"""What opens a site: the auth string of its Prefect server and the key pair of its Dask cluster, in its catalogue.

Whoever can read the catalogue's database can change every job in it, so what is stored there opens nothing further; and
a node that joins has the database's URL already.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import secrets
import socket
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL

from reelmill.catalogue import site_identity
from reelmill.catalogue.engine import session
from reelmill.errors import SiteError
from reelmill.settings import Settings
from reelmill.site_discovery import AUTH_VARIABLE, PrefectServer
from reelmill.troubles import SiteTrouble

LOOPBACK: Final = "127.0.0.1"
SERVER_AUTH_VARIABLE: Final = "PREFECT_SERVER_API_AUTH_STRING"

_USER: Final = "reelmill"
_YEARS: Final = datetime.timedelta(days=365 * 50)  # nobody renews it; a leaked one is replaced by emptying its column


def refuse_open_site(settings: Settings) -> None:
    """Refuse a site without a login that others reach: it is for one node.

    Raises:
        SiteError: it is to listen for others, too.
    """
    if settings.login == "off" and not _is_loopback(settings.listen or LOOPBACK):
        raise SiteError(
            f"REELMILL_LOGIN=off opens the site to everybody who reaches {settings.listen}; leave that setting out, or "
            "--listen (REELMILL_LISTEN).",
            SiteTrouble.LOGIN,
            settings.listen or "",
        )


def require_own_address(settings: Settings) -> None:
    """Check that the address that the site is to listen on is one of this node.

    Raises:
        SiteError: it is not.
    """
    if settings.listen is None:
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.listen, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.bind(address)
    except OSError as error:
        raise SiteError(
            f"--listen (REELMILL_LISTEN) {settings.listen} is no address of this node ({error.strerror}); "
            "`hostname -I` prints those there are.",
            SiteTrouble.NO_PORT,
            settings.listen,
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"


def settle_auth_string(settings: Settings) -> str | None:
    """Decide on the auth string of the site that comes up, and store it in the catalogue.

    Returns:
        The one in the environment, else the one the site had before, else a new one; None where login is off.

    Raises:
        SiteError: the environment names two.
    """
    chosen = None if settings.login == "off" else _auth_string_in_environment()
    with session() as opened:
        site = site_identity.site(opened)
        if settings.login == "off":
            site.auth_string = None
        else:
            site.auth_string = chosen or site.auth_string or f"{_USER}:{secrets.token_urlsafe(24)}"
        opened.add(site)
        return site.auth_string


def _auth_string_in_environment() -> str | None:
    found = {os.environ[name] for name in (SERVER_AUTH_VARIABLE, AUTH_VARIABLE) if os.environ.get(name)}
    if len(found) > 1:
        raise SiteError(
            f"{SERVER_AUTH_VARIABLE} and {AUTH_VARIABLE} differ: set both to the same, or only one of them.",
            SiteTrouble.LOGIN,
            AUTH_VARIABLE,
        )
    return next(iter(found), None)


def auth_string() -> str | None:
    """The auth string of the site whose catalogue this is; None where it has none."""
    with session() as opened:
        return site_identity.site(opened).auth_string


def client_settings(server: PrefectServer) -> dict[Any, str | None]:
    """Prefect's settings of a client of this server."""
    return {PREFECT_API_URL: server.api_url, PREFECT_API_AUTH_STRING: server.auth_string}


def settle_dask_keys() -> str:
    """The certificate and key that every program of the site's Dask cluster shows and demands, as PEM; made once."""
    with session() as opened:
        site = site_identity.site(opened)
        site.dask_keys = site.dask_keys or _key_pair()
        opened.add(site)
        return site.dask_keys


def dask_keys() -> str | None:
    """Those of the site whose catalogue this is; None where its Dask cluster speaks without TLS."""
    with session() as opened:
        return site_identity.site(opened).dask_keys


def _key_pair() -> str:
    """One certificate that signs itself: it is what each program shows, and the only one it trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Reelmill's Dask cluster")])
    now = datetime.datetime.now(datetime.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks of nodes differ
        .not_valid_after(now + _YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (certificate.public_bytes(serialization.Encoding.PEM) + private).decode()


def dask_environment(keys: str, folder: Path) -> dict[str, str]:
    """Dask's settings by which its scheduler, workers and clients speak TLS to each other, and to nobody else.

    Args:
        keys: certificate and key, as PEM.
        folder: where they are written, readable by this account alone.

    Returns:
        Environment variables.
    """
    path, new = folder / "dask.pem", folder / "dask.pem.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(keys)
    new.rename(path)
    roles = {f"DASK_DISTRIBUTED__COMM__TLS__{role}__CERT": str(path) for role in ("SCHEDULER", "WORKER", "CLIENT")}
    return {
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True",
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(path),
        **roles,
    }
