"""NVIDIA GPUs as NVML sees them; what it cannot read is None, never 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import pynvml

Value = TypeVar("Value")

#: A GPU that fails with one of these is gone, though it is still listed.
_GONE: Final = frozenset({pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_GPU_NOT_FOUND})

_COMPUTE_MODES: Final = {
    pynvml.NVML_COMPUTEMODE_DEFAULT: "default",
    pynvml.NVML_COMPUTEMODE_EXCLUSIVE_THREAD: "exclusive_thread",
    pynvml.NVML_COMPUTEMODE_PROHIBITED: "prohibited",
    pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS: "exclusive_process",
}


@dataclass(frozen=True)
class Gpu:
    """One GPU. Memory in MB of 2**20 bytes; None wherever the driver does not report it."""

    index: int  # NVML's, in PCI order; CUDA may count otherwise, so name a GPU to it by its uuid
    uuid: str
    name: str
    total_mb: int | None
    free_mb: int | None
    processes: tuple[tuple[int, int | None], ...] = ()  # (pid, MB it uses), each pid once
    compute_mode: str | None = None  # default, exclusive_process, prohibited
    gpu_percent: int | None = None  # of the last sampling period, 1 s or less
    encoder_percent: int | None = None
    energy_mj: int | None = None  # millijoules since the driver came up; GPUs before Volta do not report it
    temperature: int | None = None  # °C of the chip
    power: float | None = None  # watts now
    vendor: str = "nvidia"  # as ``backends.Backend.vendor`` has it

    @property
    def used_mb(self) -> int | None:
        """Memory taken by anything at all."""
        return None if self.total_mb is None or self.free_mb is None else self.total_mb - self.free_mb


class Devices(Protocol):
    """The node's GPUs, read anew in each call."""

    def gpus(self) -> tuple[Gpu, ...]:
        """The GPUs as they are now; empty without a driver."""

    def driver_version(self) -> str | None:
        """The NVIDIA driver's version, e.g. ``570.124.06``; None without one."""


@dataclass(frozen=True)
class FakeDevices:
    """GPUs as plain data, for tests and for trying a placement out.

    Example:
        >>> gpu = Gpu(index=0, uuid="GPU-1", name="NVIDIA L4", total_mb=23_034, free_mb=20_000)
        >>> working_encoders(ffmpeg, FakeDevices((gpu,)))
    """

    present: tuple[Gpu, ...] = ()
    driver: str | None = None

    def gpus(self) -> tuple[Gpu, ...]:
        """See ``Devices.gpus``."""
        return self.present

    def driver_version(self) -> str | None:
        """See ``Devices.driver_version``."""
        return self.driver


class NvmlDevices:
    """The real GPUs, through NVML.

    NVML sees every GPU of the node whatever ``CUDA_VISIBLE_DEVICES`` names: that variable is what jobs are
    given, and the budgets are of the whole node. A GPU that is lost is left out, the others stay.
    Process ids are the host's, so inside a container they may name nobody.
    """

    def __init__(self, nvml: Any = pynvml):
        """Use ``nvml``: the module ``pynvml``, or an object with the functions of it used here."""
        self._nvml = nvml

    def gpus(self) -> tuple[Gpu, ...]:
        """See ``Devices.gpus``."""
        with self._ready() as ready:
            count = self._reported(self._nvml.nvmlDeviceGetCount) if ready else None
            found = (self._gpu(index) for index in range(count or 0))
            return tuple(gpu for gpu in found if gpu is not None)

    def driver_version(self) -> str | None:
        """See ``Devices.driver_version``."""
        with self._ready() as ready:
            version = self._reported(self._nvml.nvmlSystemGetDriverVersion) if ready else None
            return None if version is None else _text(version)

    @contextmanager
    def _ready(self) -> Iterator[bool]:
        """NVML, initialised for this call.

        Not for longer: a forked process must initialise it again, and a driver may come and go.

        Yields:
            False where there is no driver.
        """
        try:
            self._nvml.nvmlInit()
        except pynvml.NVMLError:
            yield False
            return
        try:
            yield True
        finally:
            with suppress(pynvml.NVMLError):
                self._nvml.nvmlShutdown()

    def _gpu(self, index: int) -> Gpu | None:
        nvml = self._nvml
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid, name = _text(nvml.nvmlDeviceGetUUID(handle)), _text(nvml.nvmlDeviceGetName(handle))
            memory = self._reported(nvml.nvmlDeviceGetMemoryInfo, handle)  # boards of unified memory do not report it
            mode = self._reported(nvml.nvmlDeviceGetComputeMode, handle)
            rates = self._reported(nvml.nvmlDeviceGetUtilizationRates, handle)
            encoder = self._reported(nvml.nvmlDeviceGetEncoderUtilization, handle)
            energy = self._reported(nvml.nvmlDeviceGetTotalEnergyConsumption, handle)
            temperature = self._reported(nvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU)
            milliwatts = self._reported(nvml.nvmlDeviceGetPowerUsage, handle)
            processes = self._processes(handle)
        except pynvml.NVMLError:  # lost, or it does not even report its uuid
            return None
        return Gpu(
            index=index,
            uuid=uuid,
            name=name,
            total_mb=None if memory is None else memory.total // 2**20,
            free_mb=None if memory is None else memory.free // 2**20,
            processes=processes,
            compute_mode=_COMPUTE_MODES.get(mode),
            gpu_percent=None if rates is None else rates.gpu,
            encoder_percent=None if encoder is None else encoder[0],
            energy_mj=energy,
            temperature=temperature,
            power=None if milliwatts is None else milliwatts / 1000,
        )

    def _processes(self, handle: Any) -> tuple[tuple[int, int | None], ...]:
        """A process with a compute and a graphics context is in both lists, with all its memory in each."""
        used: dict[int, int | None] = {}
        for ask in (self._nvml.nvmlDeviceGetComputeRunningProcesses, self._nvml.nvmlDeviceGetGraphicsRunningProcesses):
            for process in self._reported(ask, handle) or ():
                amount = None if process.usedGpuMemory is None else process.usedGpuMemory // 2**20
                known = [mb for mb in (used.get(process.pid), amount) if mb is not None]
                used[process.pid] = max(known, default=None)
        return tuple(sorted(used.items()))

    @staticmethod
    def _reported(ask: Callable[..., Value], *arguments: Any) -> Value | None:
        """Call a function of NVML.

        Returns:
            Its value; None where the GPU does not support it.

        Raises:
            NVMLError: the GPU is gone.
        """
        try:
            return ask(*arguments)
        except pynvml.NVMLError as error:
            if error.value in _GONE:
                raise
            return None


#: This node's GPUs. Nothing is held between calls, so one object serves all.
NVML: Final[Devices] = NvmlDevices()


def gpus() -> tuple[Gpu, ...]:
    """The node's NVIDIA GPUs; empty without a driver."""
    return NVML.gpus()


def driver_version() -> str | None:
    """The NVIDIA driver's version; None without one."""
    return NVML.driver_version()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
