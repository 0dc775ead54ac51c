"""The node that a worker runs on: what it has, how busy it is, and what is wrong with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS

from reelmill.errors import CapabilityError
from reelmill.ffmpeg.binary import find_ffmpeg, forget_trials, version
from reelmill.ffmpeg.encoders import working_encoders
from reelmill.ffmpeg.loadtest.gstreamer import find_gst_launch
from reelmill.hardware.host import hardware, live_load
from reelmill.queue.vram_budget import serves_gpu_pools
from reelmill.settings import Settings
from reelmill.storage.media_root import MediaRoot

_LEAST_FREE: Final = 100 * 2**20  # bytes of disk under which no job can end well


class HostHealth:
    """Reads the state of this node; what is slow runs in a thread."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._hardware: dict[str, Any] | None = None

    async def hardware(self) -> dict[str, Any]:
        """What it has, with the engines and encoders that work here, and how often its workers poll; read once."""
        if self._hardware is None:
            self._hardware = await anyio.to_thread.run_sync(self._read_hardware)
        return self._hardware

    def _read_hardware(self) -> dict[str, Any]:
        found = hardware()
        found["poll_seconds"] = PREFECT_WORKER_QUERY_SECONDS.value()
        found["engines"] = [] if find_gst_launch(self._settings.gst_launch) is None else ["gstreamer"]
        try:
            ffmpeg = find_ffmpeg(self._settings.ffmpeg)
            found["versions"]["ffmpeg"] = version(ffmpeg)
            found["encoders"] = list(working_encoders(ffmpeg))
            found["engines"].insert(0, "ffmpeg")
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

    def reason_to_leave(self, virtual: bool, site_has_gpu: bool) -> str | None:
        """Why a pool of GPU work is left to other nodes, if it is.

        Args:
            virtual: whether this node counts by a virtual budget, having no GPU.
            site_has_gpu: whether any node of the site has one.

        Returns:
            A sentence; None where this node serves the pool.
        """
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
    return None if working_encoders(found) else f"no encoder of {found} works on this node"
