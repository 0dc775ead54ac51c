from __future__ import annotations

import shutil
from pathlib import Path

from reelmill.errors import CapabilityError
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder, TranscoderOptions
from reelmill.ffmpeg.trials.vmaf import comparison, require_vmaf, vmaf
from reelmill.report import LogReport
from tests.clips import clip, ffmpeg
from tests.refusals import refused


def _vmaf(copy: Path, source: Path) -> float:
    info = probe(source)
    return vmaf(Transcoder(), copy, source, info, web_size(info), LogReport())


def test_a_copy_is_as_good_as_itself_and_a_bad_encode_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "it's: a [strange], \\folder;"
    source = clip(folder / "source.mkv", size="320x240", sound=0)
    copy = Path(shutil.copy(source, folder / "copy.mkv"))
    bad = folder / "bad.mp4"
    ffmpeg("-i", f"file:{source}", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "45", f"file:{bad}")
    perfect, poor = _vmaf(copy, source), _vmaf(bad, source)
    assert perfect > 95
    assert poor < perfect - 20
    assert sorted(path.name for path in folder.iterdir()) == ["bad.mp4", "copy.mkv", "source.mkv"]


def test_times_that_a_container_rounds_do_not_shift_the_frames(tmp_path: Path) -> None:
    source = clip(tmp_path / "source.mp4", size="320x240", sound=0, rate=30)
    shifted = tmp_path / "shifted.mkv"  # Matroska counts milliseconds, and this starts elsewhere too
    ffmpeg("-i", source, "-c", "copy", "-output_ts_offset", "0.5", shifted)
    assert _vmaf(shifted, source) > 95


def test_a_4k_frame_is_judged_by_the_model_for_4k(tmp_path: Path) -> None:
    source = clip(tmp_path / "source.mp4", sound=0)
    lines = [" ".join(comparison(source, source, probe(source), size, tmp_path / "log", 2)) for size in
             ((1920, 1080), (1080, 1920), (3840, 2160))]  # fmt: skip
    assert ["vmaf_4k" in line for line in lines] == [False, False, True]
    assert all("n_threads=2" in line for line in lines)


def test_an_ffmpeg_without_it(tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"""#!/bin/bash\n"{find_ffmpeg()}" "$@" | grep -v libvmaf\n""")
    program.chmod(0o755)
    with refused(CapabilityError, missing="libvmaf"):
        require_vmaf(Transcoder(options=TranscoderOptions(binary=program)))
