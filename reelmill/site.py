"""The record a running site leaves on its machine, and how others there find it by that."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from reelmill.settings import get_settings

_CONNECT_SECONDS = 0.5


@dataclass(frozen=True)
class SiteRecord:
    """Where a site's Prefect server answers, and which library it serves."""

    api_url: str
    pid: int  # of ``reelmill up``
    media_root: str

    def write(self, path: Path) -> None:
        """Keep it in ``path``."""
        new = path.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)))
        new.rename(path)

    @property
    def ui_url(self) -> str:
        """The Prefect UI."""
        return self.api_url.removesuffix("/api")


def record_path() -> Path:
    """Where the record of this machine's site is."""
    return get_settings().data_dir / "site.json"


def running_site() -> SiteRecord | None:
    """This machine's site, if its server takes connections right now."""
    try:
        record = SiteRecord(**json.loads(record_path().read_text()))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, TypeError):
        return None
    return record if answers(record.api_url) else None


def find_prefect_server() -> bool:
    """Point Prefect, which reads its environment when first imported, at the server to talk to, if there is one.

    A choice somebody made stands (a worker's, a shell's). Else it is this machine's site where one is up. The profile
    that ``reelmill up`` wrote does not count: it may name a server that is gone.
    """
    if os.environ.get("PREFECT_API_URL") or os.environ.get("PREFECT_PROFILE"):
        return True
    site = running_site()
    if site is not None:
        os.environ["PREFECT_API_URL"] = site.api_url
    return site is not None


def choose_prefect_server() -> None:
    """See ``find_prefect_server``; where there is none, Prefect starts a temporary one."""
    if find_prefect_server():
        return
    os.environ["PREFECT_API_URL"] = ""
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "true")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")


def answers(api_url: str) -> bool:
    """Whether something takes connections at this URL's host and port."""
    parts = urlsplit(api_url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 80), timeout=_CONNECT_SECONDS):
            return True
    except OSError:
        return False
