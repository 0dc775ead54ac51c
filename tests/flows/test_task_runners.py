"""Which Dask workers run the works of a flow; a cluster of threads is as good as one of nodes for that."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from typing import Any

import psutil
import pytest
from distributed import Client, LocalCluster

from flows import task_runners
from flows.task_runners import _alike, analyse_time_range, local_cluster
from reelmill.ffmpeg.transcoder import Transcoder


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with local_cluster(threads=1) as cluster:
        yield cluster


def test_nothing_listens_to_the_network_and_several_jobs_may_run_beside_each_other(cluster: LocalCluster) -> None:
    """Dask's own choice is port 8787 on every interface, where a second job's warns that it is taken."""
    with local_cluster(threads=1):
        listening = [one.laddr for one in psutil.Process().net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    assert listening
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_workers_of_our_version_and_build_are_asked(cluster: LocalCluster) -> None:
    connect: Any = Client
    with connect(cluster) as client:
        workers = list(client.scheduler_info()["workers"])
        ours = metadata.version("reelmill")
        assert len(workers) == 1
        assert _alike(client, ours, None) == _alike(client, ours, Transcoder()) == workers
        assert _alike(client, "0.0", None) == _alike(client, "0.0", Transcoder()) == []


def test_where_every_worker_has_another_version_this_node_works_and_says_so(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REELMILL_DASK_ADDRESS", str(cluster.scheduler_address))
    monkeypatch.setattr(task_runners, "_VERSION", "0.0")
    caplog.set_level("INFO")
    assert task_runners.DaskFanOut(analyse_time_range)(abs, [-1, 2]) == [1, 2]
    lines = [record.getMessage() for record in caplog.records if "another version of Reelmill" in record.getMessage()]
    assert [line.partition(",")[0] for line in lines] == ["not on 1 of 1 Dask worker"]
