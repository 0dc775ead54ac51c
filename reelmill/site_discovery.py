"""The record a running site leaves on its node, and how other programs there find it."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from reelmill.settings import get_settings

#: Prefect's names of what its clients send a server that asks for a login, and of whether they ask it for a CSRF token.
AUTH_VARIABLE: Final = "PREFECT_API_AUTH_STRING"
CSRF_VARIABLE: Final = "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED"

#: Names of a node for itself.
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_CONNECT_SECONDS: Final = 0.5

#: Where a URL without a port leads.
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class PrefectServer:
    """Where a site's Prefect server listens, and what it asks its clients for."""

    api_url: str
    auth_string: str | None = field(default=None, repr=False)  # None: it asks for nothing

    @property
    def ui_url(self) -> str:
        """The Prefect UI."""
        return self.api_url.removesuffix("/api")

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which Prefect's clients reach it.

        A server that asks for no login checks CSRF tokens instead, and only then a client need fetch one.
        """
        if self.auth_string is None:
            return {"PREFECT_API_URL": self.api_url, CSRF_VARIABLE: "true"}
        return {"PREFECT_API_URL": self.api_url, AUTH_VARIABLE: self.auth_string, CSRF_VARIABLE: "false"}


@dataclass(frozen=True, kw_only=True)
class SiteRecord(PrefectServer):
    """A site's server, and which library it serves."""

    pid: int  # of ``reelmill up``
    media_root: str
    database_url: str | None = field(default=None, repr=False)  # for nodes that join, with its password
    rest_url: str | None = None  # None: the site is up without its REST API

    def write(self, path: Path) -> None:
        """Keep it in ``path``, readable by this account alone."""
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(self), file)
        new.rename(path)


def record_path() -> Path:
    """Where the record of this node's site is."""
    return get_settings().data_dir / "site.json"


def _record() -> SiteRecord | None:
    """This node's site; None where it was killed: whoever listens at its address now does not get its login."""
    try:
        record = SiteRecord(**json.loads(record_path().read_text()))
    except (OSError, ValueError, TypeError):  # none, or one of another account or version
        return None
    return record if psutil.pid_exists(record.pid) else None


def running_site() -> SiteRecord | None:
    """This node's site, if its server takes connections right now."""
    record = _record()
    return record if record is not None and accepts_connections(record.api_url) else None


def record_of(api_url: str) -> SiteRecord | None:
    """This node's site, where this is the address of its server."""
    record = _record()
    return record if record is not None and record.api_url == api_url else None


def names_this_site(api_url: str) -> bool:
    """Whether this is the address of this node's site, by whichever of its names."""
    record = _record()
    if record is None:
        return False
    ours, given = urlsplit(record.api_url), urlsplit(api_url)
    return given.port == ours.port and given.hostname in {ours.hostname, *LOOPBACK}


def accepts_connections(api_url: str) -> bool:
    """Whether something takes connections at this URL's host and port."""
    address = urlsplit(api_url)
    try:
        with socket.create_connection(
            (address.hostname or "127.0.0.1", address.port or _PORTS.get(address.scheme, 80)), timeout=_CONNECT_SECONDS
        ):
            return True
    except OSError:
        return False
