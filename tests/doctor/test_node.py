"""What can be wrong with a node is made so, and found."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from reelmill.doctor import node
from reelmill.doctor.findings import Finding, Severity
from reelmill.hardware.gpu import FakeDevices, Gpu
from reelmill.settings import Settings
from reelmill.storage.media_root import MediaRoot
from tests.clips import as_nobody, tiny_disk


def _wrong(findings: list[Finding]) -> list[tuple[str, Severity]]:
    assert all(found.remedy for found in findings if found.severity is not Severity.OK)
    return [(found.check, found.severity) for found in findings if found.severity is not Severity.OK]


def test_this_node(media_root: MediaRoot) -> None:
    findings = node.check_node(Settings())
    assert {found.check for found in findings} >= {"ffmpeg", "encoders", "media_root", "disk", "vram"}
    sentences = {found.check: found.sentence for found in findings}
    assert "libx264" in sentences["encoders"]
    assert "B free" in sentences["disk"]
    assert _wrong(findings) == []


def _script(path: Path, text: str) -> Settings:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return Settings(ffmpeg=path)


def test_an_ffmpeg_that_is_not_there_or_does_not_run(tmp_path: Path) -> None:
    assert _wrong(node.ffmpeg(Settings(ffmpeg=tmp_path / "gone"))) == [("ffmpeg", Severity.FAULT)]
    for number, text in enumerate(("exit 1", "true")):
        settings = _script(tmp_path / f"broken-{number}", text)
        assert _wrong(node.ffmpeg(settings)) == [("ffmpeg", Severity.FAULT)]


def test_an_ffmpeg_that_does_not_encode(tmp_path: Path) -> None:
    settings = _script(tmp_path / "old", 'case "$*" in *-version) echo ffmpeg version 1.0;; esac')
    assert _wrong(node.ffmpeg(settings)) == [("encoders", Severity.FAULT)]


def test_a_gpu_that_does_not_encode() -> None:
    gpu = Gpu(index=0, uuid="GPU-0", name="Card", total_mb=8000, free_mb=7000)
    devices = FakeDevices((gpu,))
    if not any("nvenc" in found.sentence for found in node.ffmpeg(Settings())):
        assert _wrong(node.ffmpeg(Settings(), devices)) == [("encoders", Severity.WARNING)]
    assert node.vram(Settings(), devices).sentence == "gpu0 (Card): 7000 of 8000 MB free."
    unsized = FakeDevices((Gpu(index=0, uuid="GPU-0", name="Card", total_mb=None, free_mb=None),))
    assert node.vram(Settings(), unsized).severity is Severity.WARNING


def test_a_media_root_that_is_not_there_or_empty(tmp_path: Path) -> None:
    for folder in (tmp_path / "gone", tmp_path):
        assert _wrong(node.media_root(MediaRoot(folder))) == [("media_root", Severity.FAULT)]


def test_a_media_root_that_others_own(open_folder: Path) -> None:
    root = MediaRoot(open_folder / f"theirs-{uuid.uuid4().hex[:8]}")
    root.create()
    root.path.chmod(0o755)
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with as_nobody():
        assert _wrong(node.media_root(root)) == [("media_root", Severity.FAULT), ("work_folder", Severity.FAULT)]


def test_folders_that_are_not_there(media_root: MediaRoot) -> None:
    media_root.folder("playback").rmdir()
    (found,) = node.media_root(media_root)
    assert (found.check, found.names, found.repairable) == ("media_folders", ("playback",), True)


def test_products_on_another_disk_than_the_work(media_root: MediaRoot) -> None:
    with tiny_disk(media_root.folder("playback")):
        (found,) = node.media_root(media_root)
    assert (found.check, found.severity, found.names) == ("work_folder", Severity.FAULT, ("playback",))


def test_a_disk_that_is_full(media_root: MediaRoot, tmp_path: Path) -> None:
    with tiny_disk(media_root.path, "4m"):
        root = MediaRoot(media_root.path)
        root.create()
        findings = node.disks(root, tmp_path / "data")
        assert _wrong(findings) == [("disk", Severity.FAULT)]
        assert findings[0].sentence.startswith(f"The disk of the media root {root.path} has 4.2 MB of 4.2 MB free")
