"""This node: ffmpeg and its encoders, the media root, disks, GPU memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from reelmill.doctor.findings import Finding, fault, listed, ok, warning
from reelmill.errors import CapabilityError
from reelmill.ffmpeg.binary import find_ffmpeg, version
from reelmill.ffmpeg.codecs import WEB, runs_on_gpu
from reelmill.ffmpeg.encoders import working_encoders
from reelmill.hardware.gpu import NVML, Devices, Gpu
from reelmill.settings import Settings
from reelmill.storage.media_root import GIFS, LIBRARY, OUTPUT_TYPES, OWN_FOLDERS, THUMBNAILS, MediaRoot
from reelmill.wording import in_bytes

#: What every operation that encodes needs.
_NEEDED: Final = WEB.software.name

#: Free space, in bytes: below the first nothing can be made; below the second it will soon be so.
_FULL: Final = 1_000_000_000
_SCARCE: Final = 10_000_000_000


def check_node(settings: Settings, devices: Devices = NVML) -> list[Finding]:
    """Everything about this node.

    Args:
        settings: this node's.
        devices: its GPUs.

    Returns:
        A finding for each check.
    """
    root = MediaRoot(settings.media_root)
    return [*ffmpeg(settings, devices), *media_root(root), *disks(root, settings.data_dir), vram(settings, devices)]


def ffmpeg(settings: Settings, devices: Devices = NVML) -> list[Finding]:
    """The program, and which encoders passed a one-frame test encode."""
    try:
        program = find_ffmpeg(settings.ffmpeg)
        build = version(program)
    except (CapabilityError, OSError, subprocess.SubprocessError, IndexError) as error:
        way_out = "set REELMILL_FFMPEG to one that runs, or unset it: one came with Reelmill"
        return [fault("ffmpeg", f"No ffmpeg that runs: {error}", way_out)]
    findings = [ok("ffmpeg", f"ffmpeg {build}, {program}.")]
    works = working_encoders(program, devices)
    if _NEEDED not in works:
        remedy = "use another build (REELMILL_FFMPEG), or the bundled one by unsetting it"
        return [*findings, fault("encoders", f"{program} does not encode with {_NEEDED}.", remedy)]
    if devices.gpus() and not any(map(runs_on_gpu, works)):
        remedy = f"look at `nvidia-smi`; the driver may be older than this ffmpeg wants. Until then {_NEEDED} stands in"
        return [*findings, warning("encoders", f"There is a GPU, and no NVENC encoder works with {program}.", remedy)]
    return [*findings, ok("encoders", f"Encoders that work here: {', '.join(works)}.")]


def media_root(root: MediaRoot) -> list[Finding]:
    """Whether it is there, and can be read and written, by really writing to its work folder."""
    if not root.mounted:
        remedy = "mount it, or set REELMILL_MEDIA_ROOT; `reelmill up` makes the folders of a new one"
        return [fault("media_root", f"The media root {root.path} is empty or not there.", remedy)]
    folders = [root.path / name for name in (*OWN_FOLDERS, LIBRARY, THUMBNAILS, GIFS)]
    absent = [folder.name for folder in folders if not folder.is_dir()]
    closed = [folder.name for folder in folders if folder.is_dir() and not _open(folder)]
    findings = []
    if closed:
        remedy = "give the user Reelmill runs as the right to read and write them"
        findings.append(fault("media_root", f"Not open to this user: {listed(closed)}.", remedy, names=closed))
    if absent:
        remedy = "`reelmill up` makes them, and so does --repair"
        sentence = f"Folders of the media root that are not there: {listed(absent)}."
        findings.append(warning("media_folders", sentence, remedy, repairable=True, names=absent))
    trouble = _write(root)
    if trouble is not None:
        remedy = "mount it for writing, or give the user Reelmill runs as the right to write there"
        findings.append(fault("work_folder", f"The work folder {root.work} cannot be written: {trouble}.", remedy))
    apart = [name for name in (*OUTPUT_TYPES, THUMBNAILS, GIFS) if _apart(root.path / name, root)]
    if apart:
        remedy = "mount the whole media root as one: a finished file enters the library by a rename"
        sentence = f"On another file system than the work folder: {listed(apart)}."
        findings.append(fault("work_folder", sentence, remedy, names=apart))
    return findings or [ok("media_root", f"The media root {root.path} can be read and written.")]


def _open(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True)


def _apart(folder: Path, root: MediaRoot) -> bool:
    return folder.is_dir() and root.work.is_dir() and folder.stat().st_dev != root.work.stat().st_dev


def _write(root: MediaRoot) -> str | None:
    """Write a file and take it away again; why that did not go, or None."""
    if not root.work.is_dir():
        return None if _open(root.path) else "it is not there and this user cannot make it"
    trial = root.work / f".doctor-{uuid.uuid4().hex}"
    try:
        trial.write_bytes(b"written")
        trial.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return None


def disks(root: MediaRoot, data_dir: Path) -> list[Finding]:
    """Free space where work is written: at the library and at the site's data."""
    findings = []
    seen: set[int] = set()
    for what, folder in (("media root", root.path), ("work folder", root.work), ("data folder", data_dir)):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        device = there.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        usage = shutil.disk_usage(there)
        findings.append(_disk(f"The disk of the {what} {folder}", usage.free, usage.total))
    return findings


def _disk(what: str, free: int, total: int) -> Finding:
    """What is to be said of a disk, in bytes (pure)."""
    sentence = f"{what} has {in_bytes(free)} of {in_bytes(total)} free."
    remedy = "free some space; jobs that write wait for it and are tried again"
    if free < _FULL:
        return fault("disk", sentence, remedy)
    return warning("disk", sentence, remedy) if free < _SCARCE else ok("disk", sentence)


def vram(settings: Settings, devices: Devices = NVML) -> Finding:
    """The memory of the GPUs, or the budget that stands in for it."""
    gpus = devices.gpus()
    if not gpus:
        return ok("vram", f"No NVIDIA GPU: a virtual budget of {settings.virtual_vram_mb} MB stands in.")
    unsized = [gpu for gpu in gpus if gpu.total_mb is None]
    if unsized:
        sentence = f"GPUs that do not report how much memory they have: {_names(unsized)}."
        remedy = f"REELMILL_VIRTUAL_VRAM_MB ({settings.virtual_vram_mb}) counts for it; set it to what they have"
        return warning("vram", sentence, remedy, names=[gpu.name for gpu in unsized])
    free = (f"gpu{gpu.index} ({gpu.name}): {gpu.free_mb} of {gpu.total_mb} MB free" for gpu in gpus)
    return ok("vram", f"{'; '.join(free)}.")


def _names(gpus: Iterable[Gpu]) -> str:
    return ", ".join(f"gpu{gpu.index} ({gpu.name})" for gpu in gpus)
