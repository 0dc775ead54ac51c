"""The proxies of docs/RUNNING.md, with ports and certificates of the tests in the place of its own."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.patience import until
from tests.tls_proxy import certificates

#: By what names the proxy knows the API, and the Prefect server.
API: Final = "films.example.org"
PREFECT: Final = "prefect.example.org"

_DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "RUNNING.md"

#: Debian's own puts all of this into places that belong to root.
_AROUND: Final = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{servers}
}}
"""


def nginx_program() -> str:
    """The path of nginx; skips the test where it is not there."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        pytest.skip("nginx is not installed")
    return found


def caddy_program() -> str:
    """The path of Caddy; skips the test where it is not there."""
    found = shutil.which("caddy")
    if found is None:
        pytest.skip("Caddy is not installed")
    return found


def documented(start: str) -> str:
    """The example that follows a line of the document.

    Args:
        start: how that line begins.

    Returns:
        The lines of the example.
    """
    pattern = rf"^{re.escape(start)}[\s\S]*?\n\n((?:(?: {{4}}.*)?\n)+)"
    after = re.search(pattern, _DOCUMENT.read_text(), re.MULTILINE)
    assert after is not None, f"{_DOCUMENT} has no example after: {start}"
    return textwrap.dedent(after[1])


def nginx_configuration(folder: Path, ports: dict[str, int]) -> Path:
    """Write the documented configuration of nginx.

    Args:
        folder: for it and all that it writes.
        ports: that the document has, each with the one in its place: 443, 4100, 4200.

    Returns:
        The file.
    """
    _, chain = certificates(folder)
    servers = documented("The same with nginx")
    for found, ours in {
        "listen 443 ssl": f"listen 127.0.0.1:{ports['443']} ssl",
        "127.0.0.1:4100": f"127.0.0.1:{ports['4100']}",
        "127.0.0.1:4200": f"127.0.0.1:{ports['4200']}",
        "/etc/ssl/films.pem": str(chain),
        "/etc/ssl/films.key": str(chain),
    }.items():
        assert found in servers, found
        servers = servers.replace(found, ours)
    file = folder / "nginx.conf"
    file.write_text(_AROUND.format(folder=folder, servers=servers))
    return file


@contextmanager
def nginx(folder: Path, api: int, prefect: int) -> Iterator[int]:
    """The documented nginx, inside the block.

    Args:
        folder: for all that it writes.
        api: port of the API.
        prefect: port of the Prefect server.

    Yields:
        The port that it serves over TLS.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = nginx_configuration(folder, {"443": port, "4100": api, "4200": prefect})
    log = folder / "error.log"
    with subprocess.Popen([nginx_program(), "-c", file, "-e", log], stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: _listens(port) or process.poll() is not None, log.read_text)
            assert process.poll() is None, log.read_text()
            yield port
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
