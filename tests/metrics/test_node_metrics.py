"""What a worker serves: its node, read at the scrape, over HTTP, and nothing else."""

from __future__ import annotations

import errno
import logging
import socket
from pathlib import Path

import anyio
import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from reelmill.hardware.gpu import FakeDevices
from reelmill.metrics.node_collector import NodeCollector, NodeSource
from reelmill.metrics.node_metrics import NodeLoad, node_metrics
from reelmill.metrics.worker_server import port_of, served
from reelmill.settings import Settings
from tests.metrics.nodes import rich_node
from tests.refusals import refused
from workpools.pools import pools
from workpools.site.worker_metrics import serve_metrics


def _scraped(text: str) -> dict[tuple[str, ...], float]:
    """By name and label values, in the order of the labels' names, as the text has them."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_worker_serves_its_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = rich_node(tmp_path, monkeypatch)
    with served(source, Settings(), 0) as port:
        found = _scraped(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
    assert found["media_worker_active_jobs", "node-a"] == 2
    assert found["media_node_temperature_celsius", "node-a"] == 55
    assert found["media_node_memory_total_bytes", "node-a"] == pytest.approx(psutil.virtual_memory().total, abs=2**20)
    assert found["media_node_energy_joules_total", "node-a", "RAPL package-0"] == 7
    assert found["media_node_energy_joules_total", "node-a", "NVML gpu1"] == 5_000
    assert found["media_node_cpu_seconds_total", "busy", "node-a"] > 0
    assert {key[0]: value for key, value in found.items() if key[1:] == ("gpu1", "node-a")} == {
        "media_gpu_load_ratio": 0.37, "media_gpu_encoder_load_ratio": 0.81, "media_gpu_power_watts": 43.2,
        "media_gpu_memory_used_bytes": 3_034 * 2**20, "media_gpu_temperature_celsius": 61,
    }  # fmt: skip
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def test_each_scrape_reads_anew(tmp_path: Path) -> None:
    jobs: list[int] = []
    collector = NodeCollector(NodeSource("a", tmp_path, lambda: len(jobs), devices=FakeDevices(), powercap=tmp_path))

    def active() -> float:
        return next(m.samples[0].value for m in collector.collect() if m.name == "media_worker_active_jobs")

    assert active() == 0
    jobs.append(1)
    assert active() == 1


def test_a_node_without_gpus_and_sensors_has_no_values_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "sensors_temperatures", dict)
    source = NodeSource("a", tmp_path / "unmounted", lambda: 0, devices=FakeDevices(), powercap=tmp_path)
    found = {sample.name for metric in NodeCollector(source).collect() for sample in metric.samples}
    assert found == {
        "media_node_load_per_core", "media_node_memory_available_bytes", "media_node_memory_total_bytes",
        "media_node_cpu_seconds_total", "media_worker_active_jobs",
    }  # fmt: skip


@pytest.mark.parametrize("load", [{}, {"gpus": None, "load_per_core": "much"}, {"gpus": ["a"], "disk_free_mb": True}])
def test_a_load_of_another_version_gives_what_it_has(load: dict[str, object]) -> None:
    assert not [sample for metric in node_metrics([NodeLoad("a", load)]) for sample in metric.samples]


@pytest.mark.parametrize(
    ("base", "pool", "port"), [(9310, "cpu", 9310), (9310, "gpu_ai", 9312), (None, "cpu", None), (9310, "mine", None)]
)
def test_the_port_of_each_pool(base: int | None, pool: str, port: int | None) -> None:
    assert port_of(Settings(metrics_port=base), pool, ("cpu", "gpu_encode", "gpu_ai")) == port


def test_a_port_that_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        node = NodeSource("a", tmp_path, lambda: 0)
        with refused(OSError, errno=errno.EADDRINUSE), served(node, Settings(), taken.getsockname()[1]):
            pass


def test_a_worker_whose_port_would_be_beyond_the_last_does_its_jobs_and_its_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    *_, last = pools()
    settings = Settings(metrics_port=65_535)
    with caplog.at_level(logging.WARNING):
        anyio.run(serve_metrics, settings, last.name, [], logging.getLogger("worker"))
    (warning,) = caplog.messages
    assert "65535" in warning
    assert "REELMILL_METRICS_PORT" in warning
