from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from reelmill.hardware.gpu import Devices, FakeDevices, Gpu, NvmlDevices, driver_version, gpus


def _listed() -> list[str]:
    """The cards' UUIDs as the driver's own tool has them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    answer = subprocess.run(
        [program, "--query-gpu=uuid", "--format=csv,noheader"], capture_output=True, text=True, check=False
    )
    return answer.stdout.split() if answer.returncode == 0 else []


def test_the_cards_are_the_drivers_or_none() -> None:
    assert [gpu.uuid for gpu in gpus()] == _listed()


def test_asked_again_the_answer_stands() -> None:
    assert [gpu.uuid for gpu in gpus()] == [gpu.uuid for gpu in gpus()]


_FORKED = """
import os, sys
from reelmill.hardware.gpu import gpus
here = gpus()
if os.fork() == 0:
    os._exit(0 if [gpu.uuid for gpu in gpus()] == [gpu.uuid for gpu in here] else 1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_a_forked_process_sees_the_same() -> None:
    subprocess.run([sys.executable, "-c", _FORKED], check=True)


@dataclass(frozen=True)
class _Fails:
    code: int


@dataclass
class _Nvml:
    """What ``pynvml`` answers on a machine we do not have; a question without an answer is not supported."""

    cards: list[dict[str, Any]] = field(default_factory=list)
    driver: str | bytes = "570.124.06"
    init: int | None = None
    open: int = 0

    def nvmlInit(self) -> None:  # noqa: N802
        if self.init is not None:
            raise pynvml.NVMLError(self.init)
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.cards)

    def nvmlSystemGetDriverVersion(self) -> str | bytes:  # noqa: N802
        return self.driver

    def __getattr__(self, name: str) -> Any:
        def ask(card: int, *_: Any) -> Any:
            assert self.open == 1
            silent = card if name == "nvmlDeviceGetHandleByIndex" else _Fails(pynvml.NVML_ERROR_NOT_SUPPORTED)
            answer = self.cards[card].get(name, silent)
            if isinstance(answer, _Fails):
                raise pynvml.NVMLError(answer.code)
            return answer

        return ask


def _process(pid: int, used_mb: int | None) -> SimpleNamespace:
    return SimpleNamespace(pid=pid, usedGpuMemory=None if used_mb is None else used_mb * 2**20)


_FULL = {
    "nvmlDeviceGetUUID": "GPU-1",
    "nvmlDeviceGetName": "NVIDIA L4",
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=23034 * 2**20, free=20000 * 2**20 + 5),
    "nvmlDeviceGetComputeMode": pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS,
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=37, memory=4),
    "nvmlDeviceGetEncoderUtilization": [81, 167000],
    "nvmlDeviceGetTotalEnergyConsumption": 123_456_789,
    "nvmlDeviceGetTemperature": 61,
    "nvmlDeviceGetPowerUsage": 43_200,
    "nvmlDeviceGetComputeRunningProcesses": [_process(40, 1000), _process(7, None)],
    "nvmlDeviceGetGraphicsRunningProcesses": [_process(40, 1000), _process(41, 20)],
}


def test_all_that_a_card_tells() -> None:
    (gpu,) = NvmlDevices(_Nvml([_FULL])).gpus()
    assert gpu == Gpu(
        index=0,
        uuid="GPU-1",
        name="NVIDIA L4",
        total_mb=23034,
        free_mb=20000,
        processes=((7, None), (40, 1000), (41, 20)),
        compute_mode="exclusive_process",
        gpu_percent=37,
        encoder_percent=81,
        energy_mj=123_456_789,
        temperature=61,
        power=43.2,
    )
    assert gpu.used_mb == 3034


def test_what_a_card_does_not_tell_is_none() -> None:
    (gpu,) = NvmlDevices(_Nvml([{"nvmlDeviceGetUUID": b"GPU-1", "nvmlDeviceGetName": b"Orin"}])).gpus()
    assert gpu == Gpu(index=0, uuid="GPU-1", name="Orin", total_mb=None, free_mb=None)
    assert (gpu.used_mb, gpu.gpu_percent, gpu.encoder_percent, gpu.compute_mode) == (None, None, None, None)
    assert gpu.energy_mj is None


def test_an_old_driver_that_lacks_a_function() -> None:
    lacking = {**_FULL, "nvmlDeviceGetComputeRunningProcesses": _Fails(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)}
    (gpu,) = NvmlDevices(_Nvml([lacking])).gpus()
    assert gpu.processes == ((40, 1000), (41, 20))
    assert gpu.total_mb == 23034


@pytest.mark.parametrize(
    "question",
    ["nvmlDeviceGetHandleByIndex", "nvmlDeviceGetName", "nvmlDeviceGetMemoryInfo", "nvmlDeviceGetComputeMode"],
)
def test_a_lost_card_is_left_out_and_the_others_keep_their_numbers(question: str) -> None:
    nvml = _Nvml([{**_FULL, question: _Fails(pynvml.NVML_ERROR_GPU_IS_LOST)}, _FULL])
    assert [gpu.index for gpu in NvmlDevices(nvml).gpus()] == [1]
    assert nvml.open == 0


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_without_a_driver(code: int) -> None:
    devices = NvmlDevices(_Nvml([_FULL], init=code))
    assert devices.gpus() == ()
    assert devices.driver_version() is None


@pytest.mark.parametrize("told", ["570.124.06", b"570.124.06"])
def test_the_drivers_version(told: str | bytes) -> None:
    nvml = _Nvml(driver=told)
    assert NvmlDevices(nvml).driver_version() == "570.124.06"
    assert nvml.open == 0


def test_a_fake_has_what_it_was_given() -> None:
    card = Gpu(index=0, uuid="GPU-1", name="L4", total_mb=1000, free_mb=900)
    fake: Devices = FakeDevices((card,), driver="570.1")
    assert (fake.gpus(), fake.driver_version()) == ((card,), "570.1")
    assert FakeDevices().gpus() == ()


@pytest.mark.gpu
def test_a_real_card() -> None:
    found = gpus()
    if not found:
        pytest.skip("no NVIDIA card here")
    assert driver_version()
    for index, gpu in enumerate(found):
        assert gpu.index == index
        assert gpu.uuid.startswith("GPU-")
        assert gpu.total_mb is None or gpu.free_mb is None or 0 <= gpu.free_mb <= gpu.total_mb
        assert gpu.compute_mode in (None, "default", "exclusive_process", "prohibited")
        assert all(percent is None or 0 <= percent <= 100 for percent in (gpu.gpu_percent, gpu.encoder_percent))
        assert len({pid for pid, _ in gpu.processes}) == len(gpu.processes)
