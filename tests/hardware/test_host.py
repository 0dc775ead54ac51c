from __future__ import annotations

import json
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from reelmill.hardware.gpu import FakeDevices, Gpu
from reelmill.hardware.host import hardware, live_load

_CARDS = FakeDevices(
    (
        Gpu(
            index=0,
            uuid="GPU-1",
            name="L4",
            total_mb=23034,
            free_mb=20000,
            gpu_percent=37,
            encoder_percent=81,
            temperature=61,
            power=43.2,
        ),
        Gpu(index=1, uuid="GPU-2", name="Orin", total_mb=None, free_mb=None),
    ),
    driver="570.124.06",
)


def test_what_the_machine_is_made_of() -> None:
    facts = hardware(FakeDevices())
    assert facts["cores"] == psutil.cpu_count()
    assert facts["memory_mb"] == psutil.virtual_memory().total // 2**20
    assert facts["gpus"] == []
    assert facts["versions"] == {
        "python": platform.python_version(),
        "reelmill": metadata.version("reelmill"),
        "prefect": metadata.version("prefect"),
        "nvidia_driver": None,
    }


def test_its_cards() -> None:
    facts = hardware(_CARDS)
    assert facts["gpus"] == [
        {"name": "L4", "total_mb": 23034, "uuid": "GPU-1"},
        {"name": "Orin", "total_mb": None, "uuid": "GPU-2"},
    ]
    assert facts["versions"]["nvidia_driver"] == "570.124.06"


@pytest.mark.alone
def test_how_busy_it_is(tmp_path: Path) -> None:
    before, now = None, live_load(tmp_path, FakeDevices())
    while before != os.getloadavg():  # the kernel reckons it anew every five seconds
        before, now = os.getloadavg(), live_load(tmp_path, FakeDevices())
    assert now["load_per_core"] == pytest.approx(before[0] / (os.cpu_count() or 1), abs=0.01)
    assert now["memory_available_mb"] == pytest.approx(psutil.virtual_memory().available / 2**20, abs=500)
    assert now["disk_free_mb"] == pytest.approx(shutil.disk_usage(tmp_path).free / 2**20, abs=500)
    assert now["gpus"] == []


def test_how_busy_its_cards_are(tmp_path: Path) -> None:
    assert live_load(tmp_path, _CARDS)["gpus"] == [
        {
            "index": 0,
            "uuid": "GPU-1",
            "used_mb": 3034,
            "gpu_percent": 37,
            "encoder_percent": 81,
            "temperature": 61,
            "power": 43.2,
        },
        {
            "index": 1,
            "uuid": "GPU-2",
            "used_mb": None,
            "gpu_percent": None,
            "encoder_percent": None,
            "temperature": None,
            "power": None,
        },
    ]


def test_a_media_root_that_is_not_there(tmp_path: Path) -> None:
    assert live_load(tmp_path / "unmounted", FakeDevices())["disk_free_mb"] is None


def test_how_hot_its_processor_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hottest of the processor's own sensors; a disk's is none of them."""
    sensors = {"coretemp": [_sensor(51.0), _sensor(63.0)], "nvme": [_sensor(80.0)]}
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: sensors)
    assert live_load(tmp_path, FakeDevices())["temperature"] == 63.0
    monkeypatch.setattr(psutil, "sensors_temperatures", dict)
    assert live_load(tmp_path, FakeDevices())["temperature"] is None


def _sensor(current: float) -> SimpleNamespace:
    return SimpleNamespace(current=current)


def test_both_are_json_as_they_stand(tmp_path: Path) -> None:
    for facts in (hardware(_CARDS), live_load(tmp_path, _CARDS), hardware(), live_load(tmp_path)):
        assert json.loads(json.dumps(facts)) == facts
