"""The machine a worker stands on: what it has, how busy it is, and what is wrong with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import anyio.to_thread

from reelmill.errors import CapabilityError
from reelmill.ffmpeg.binary import find_ffmpeg, forget_trials, version
from reelmill.ffmpeg.encoders import working_encoders
from reelmill.layout import MediaRoot
from reelmill.scheduling.budget import serves_gpu_pools
from reelmill.scheduling.hardware import hardware, live_load
from reelmill.settings import Settings

_LEAST_FREE: Final = 100 * 2**20  # bytes of disk under which no job can end well


class Machine:
    """Asked by a worker; slow looks run in a thread."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._hardware: dict[str, Any] | None = None

    async def hardware(self) -> dict[str, Any]:
        """What it has, the encoders that passed a test encode included; looked at once."""
        if self._hardware is None:
            self._hardware = await anyio.to_thread.run_sync(self._look)
        return self._hardware

    def _look(self) -> dict[str, Any]:
        found = hardware()
        try:
            ffmpeg = find_ffmpeg(self._settings.ffmpeg)
            found["versions"]["ffmpeg"] = version(ffmpeg)
            found["encoders"] = list(working_encoders(ffmpeg))
        except CapabilityError as error:
            found["encoders"] = []
            found["trouble"] = str(error)
        return found

    async def load(self) -> dict[str, Any]:
        """How busy it is."""
        return await anyio.to_thread.run_sync(live_load, self._settings.media_root)

    async def trouble(self) -> str | None:
        """What keeps any job from ending well here, in a sentence; None where nothing is found."""
        return await anyio.to_thread.run_sync(_trouble, self._settings.media_root, self._settings.ffmpeg)

    def left_alone(self, virtual: bool, site_has_gpu: bool) -> str | None:
        """Why a pool of GPU work is left to other machines, if it is."""
        if serves_gpu_pools(self._settings.software_gpu, has_gpu=not virtual, site_has_gpu=site_has_gpu):
            return None
        return f"{self._settings.node_name} has no GPU, and software_gpu is {self._settings.software_gpu}"


def _trouble(media_root: Path, ffmpeg: Path | None) -> str | None:
    forget_trials()  # what worked an hour ago may not now
    if not MediaRoot(media_root).mounted:
        return f"the media root {media_root} is empty or not there; mount it"
    free = shutil.disk_usage(media_root).free
    if free < _LEAST_FREE:
        return f"the disk of {media_root} is full ({free // 2**20} MB free); make room"
    try:
        found = find_ffmpeg(ffmpeg)
    except CapabilityError as error:
        return str(error)
    return None if working_encoders(found) else f"no encoder of {found} works on this machine"
