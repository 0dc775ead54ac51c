"""A real Prometheus, on a port that is free, with the site's own configuration and its targets put in."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import pytest
import yaml

import deployments
from tests.patience import until

MONITORING: Final = Path(deployments.__file__).parent / "monitoring"


def program(name: str) -> str:
    """The path of ``prometheus`` or ``promtool``; skips the test where it is not there."""
    found = shutil.which(name)
    if found is None:
        pytest.skip("Prometheus is not installed")
    return found


class Prometheus:
    """One that runs.

    Args:
        url: that it listens at.
    """

    def __init__(self, url: str):
        self._url = url

    def result(self, query: str) -> list[Mapping[str, Any]]:
        """What a query gives now."""
        response = httpx.get(f"{self._url}/api/v1/query", params={"query": query})
        assert response.status_code == 200, (query, response.text)
        found: list[Mapping[str, Any]] = response.json()["data"]["result"]
        return found

    def alerts(self) -> list[Mapping[str, Any]]:
        """The rules that it has loaded."""
        groups = httpx.get(f"{self._url}/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


@contextmanager
def running(folder: Path, targets: Mapping[str, str], token: str) -> Iterator[Prometheus]:
    """Prometheus inside the block.

    Args:
        folder: for its configuration and data.
        targets: the host and port of each job of ``prometheus.yml``.
        token: that it shows to the API.

    Yields:
        It, once it responds.
    """
    binary, log = program("prometheus"), folder / "prometheus.log"
    shutil.copytree(MONITORING, folder / "monitoring")
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    (folder / "monitoring" / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "monitoring" / "reelmill.token").write_text(token)
    arguments = [
        binary, f"--config.file={folder / 'monitoring' / 'prometheus.yml'}", "--web.listen-address=127.0.0.1:0",
        f"--storage.tsdb.path={folder / 'data'}", "--log.format=json",
    ]  # fmt: skip
    with log.open("wb") as out, subprocess.Popen(arguments, stdout=out, stderr=out) as process:
        try:
            port = until(lambda: _port(process), log.read_text)
            url = f"http://127.0.0.1:{port}"
            until(lambda: _ready(url), log.read_text)
            yield Prometheus(url)
        finally:
            process.terminate()


def _port(process: subprocess.Popen[bytes]) -> int | None:
    """It logs the port it was asked for, which is 0, so the kernel is asked for the one it has."""
    listening = [one.laddr.port for one in psutil.Process(process.pid).net_connections("tcp") if one.status == "LISTEN"]
    return listening[0] if listening else None


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready").is_success
    except httpx.TransportError:
        return False
