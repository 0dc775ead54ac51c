from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import psutil
import pytest

from reelmill.errors import DiskFull, FfmpegFailed, ProcessStalled
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.demuxers import guarded
from reelmill.ffmpeg.process.progress import Progress
from reelmill.ffmpeg.process.run import STDERR_LINES, FfmpegRunner, Limits
from reelmill.ffmpeg.reading.probe import probe
from tests.clips import tiny_disk
from tests.patience import PATIENCE
from tests.processes import children
from tests.refusals import refused

_PATTERN = ("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration={}")


def _pattern(seconds: float) -> tuple[str, ...]:
    return tuple(word.format(seconds) for word in _PATTERN)


@pytest.fixture
def runner() -> FfmpegRunner:
    return FfmpegRunner(find_ffmpeg())


def _stand_in(folder: Path, script: str) -> FfmpegRunner:
    """A program that is no ffmpeg at all."""
    program = folder / "stand-in"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return FfmpegRunner(program)


def test_a_real_encode_shows_how_far_it_is(runner: FfmpegRunner, tmp_path: Path) -> None:
    reported: list[Progress] = []
    target = tmp_path / "out.mp4"
    done = runner.run([*_pattern(4), "-c:v", "libx264", "-threads", "1", str(target)], on_progress=reported.append)
    assert probe(target).video.frames == 100
    assert reported[-1] == done.last
    assert done.last.frames == 100
    assert 4 - done.last.out_time < Fraction(1, 5)  # a few frames are still on their way when the last block comes
    assert done.last.size == target.stat().st_size
    frames = [block.frames for block in reported]
    assert frames == sorted(frames)
    assert 0 < done.cpu_seconds <= done.seconds * (os.cpu_count() or 1) + 0.1


def test_cpu_seconds_are_the_childs_alone(tmp_path: Path) -> None:
    idle = _stand_in(tmp_path, "sleep 0.2").run([])
    assert idle.cpu_seconds < 0.1
    assert idle.seconds >= 0.2
    busy = _stand_in(tmp_path, "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done").run([])
    assert busy.cpu_seconds > idle.cpu_seconds + 0.05


def test_failure_carries_the_line_the_code_and_the_last_words(runner: FfmpegRunner, tmp_path: Path) -> None:
    missing = tmp_path / "gone.mp4"
    with pytest.raises(FfmpegFailed) as failure:
        runner.run(["-i", f"file:{missing}", str(tmp_path / "out.mp4")])
    assert failure.value.exit_code not in (0, None)
    assert failure.value.argv[0] == str(runner.ffmpeg)
    assert failure.value.argv[-1] == str(tmp_path / "out.mp4")
    assert any(str(missing) in line for line in failure.value.stderr_tail)
    assert failure.value.stderr_tail[-1].strip() in str(failure.value)
    assert "No such file or directory" in failure.value.stderr_tail[-1]


def test_only_the_last_lines_are_kept(tmp_path: Path) -> None:
    runner = _stand_in(tmp_path, "i=0; while [ $i -lt 5000 ]; do echo line $i >&2; i=$((i+1)); done; exit 7")
    with pytest.raises(FfmpegFailed) as failure:
        runner.run([])
    assert failure.value.exit_code == 7
    assert failure.value.stderr_tail == tuple(f"line {i}" for i in range(5000 - STDERR_LINES, 5000))


_DAMAGED = "".join(
    f"[vist#0:0/h264 @ 0x5582e4759] [dec:h264 @ 0x5582e46ed] {line}\\n"
    for line in (
        "Decode error rate 0.7 exceeds maximum 0.6",
        "Task finished with error code: -1145393733 (Error number -1145393733 occurred)",
        "Terminating thread with return code -1145393733 (Error number -1145393733 occurred)",
    )
)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exit 3", "ffmpeg ended with code 3: it said nothing"),
        ("printf 'no end of line' >&2; exit 1", "ffmpeg ended with code 1: no end of line"),
        (r"printf 'caf\351\n' >&2; exit 1", "ffmpeg ended with code 1: caf\ufffd"),
        (r"printf 'one\rtwo\r' >&2; exit 1", "ffmpeg ended with code 1: two"),
        (f"printf '{_DAMAGED}' >&2; exit 69", "ffmpeg ended with code 69: Decode error rate 0.7 exceeds maximum 0.6"),
        ("echo 'Conversion failed!' >&2; exit 1", "ffmpeg ended with code 1: Conversion failed!"),
        ("kill -9 $$", "ffmpeg was killed by signal 9: it said nothing"),
        ("echo bye >&2; kill -15 $$", "ffmpeg was killed by signal 15: bye"),
    ],
)
def test_how_it_ended(tmp_path: Path, script: str, sentence: str) -> None:
    with pytest.raises(FfmpegFailed) as failure:
        _stand_in(tmp_path, script).run([])
    assert str(failure.value) == sentence


def test_warnings_of_a_success_are_kept(tmp_path: Path) -> None:
    assert _stand_in(tmp_path, "echo careful >&2").run([]).stderr_tail == ("careful",)


_SILENT = "exec sleep 3600"
_ONE_PLACE = "while true; do printf 'frame=5\\nout_time_us=200000\\nprogress=continue\\n'; sleep 0.1; done"
_MOVING = (
    "i=0; while true; do i=$((i+1)); "
    "printf 'frame=%d\\nout_time_us=%d\\nprogress=continue\\n' $i ${i}00000; sleep 0.1; done"
)


@pytest.mark.parametrize("script", [_SILENT, _ONE_PLACE], ids=["silent", "on one place"])
def test_no_progress_ends_it(tmp_path: Path, script: str) -> None:
    with pytest.raises(ProcessStalled) as stall:
        _stand_in(tmp_path, script).run([], limits=Limits(stall=0.6))
    assert (stall.value.seconds, stall.value.retryable) == (0.6, True)
    assert not children()


def test_progress_is_not_a_stall_but_a_total_ends_it(tmp_path: Path) -> None:
    began = time.monotonic()
    with refused(ProcessStalled, seconds=7):
        _stand_in(tmp_path, _MOVING).run([], limits=Limits(stall=5, total=7))
    assert time.monotonic() - began >= 7


def test_a_real_ffmpeg_is_ended_by_the_total(runner: FfmpegRunner) -> None:
    endless = ("-re", "-f", "lavfi", "-i", "testsrc2=size=64x64", "-f", "null", "-")
    with pytest.raises(ProcessStalled):
        runner.run(endless, limits=Limits(total=0.5))
    assert not children()


def test_an_error_in_the_callback_ends_it(runner: FfmpegRunner) -> None:
    class Enough(Exception):
        pass

    def enough(_: Progress) -> None:
        raise Enough

    endless = ("-re", "-f", "lavfi", "-i", "testsrc2=size=64x64", "-f", "null", "-")
    with pytest.raises(Enough):
        runner.run(endless, on_progress=enough)
    assert not children()


def test_no_file_is_left_open(runner: FfmpegRunner, tmp_path: Path) -> None:
    before = psutil.Process().num_fds()
    runner.run([*_pattern(0.1), "-f", "null", "-"])
    with pytest.raises(FfmpegFailed):
        runner.run(["-i", "file:/gone"])
    with pytest.raises(ProcessStalled):
        _stand_in(tmp_path, _SILENT).run([], limits=Limits(stall=0.1))
    assert psutil.Process().num_fds() == before


def test_it_never_waits_for_an_answer_on_stdin(runner: FfmpegRunner, tmp_path: Path) -> None:
    target = tmp_path / "there.mp4"
    target.write_bytes(b"old")
    runner.run([*_pattern(0.1), str(target)], limits=Limits(total=30))
    assert probe(target).video.codec == "h264"


@pytest.fixture
def small_disk(open_folder: Path) -> Iterator[Path]:
    with tiny_disk(open_folder / "tiny-run") as folder:
        yield folder


def test_a_full_disk(runner: FfmpegRunner, small_disk: Path) -> None:
    noise = ("-f", "lavfi", "-i", "testsrc2=size=640x480:rate=25:duration=5")
    with refused(DiskFull, retryable=True):
        runner.run([*noise, "-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", str(small_disk / "out.mp4")])


def test_a_full_disk_by_its_words(tmp_path: Path) -> None:
    script = "echo 'av_interleaved_write_frame(): No space left on device' >&2; echo more >&2; exit 228"
    with pytest.raises(DiskFull):
        _stand_in(tmp_path, script).run([])


_RUN_FOR_EVER = """
import sys
from pathlib import Path
from reelmill.ffmpeg.process.run import FfmpegRunner
endless = ("-re", "-f", "lavfi", "-i", "testsrc2=size=64x64", "-f", "null", "-")
FfmpegRunner(Path(sys.argv[1])).run(endless, on_progress=lambda block: print("up", flush=True))
"""


@pytest.mark.parametrize("path", [os.environ["PATH"], "/nowhere"], ids=["as it is here", "without setpriv"])
def test_ffmpeg_dies_with_us(runner: FfmpegRunner, path: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _RUN_FOR_EVER, str(runner.ffmpeg)],
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        (child,) = psutil.Process(parent.pid).children()
        assert child.is_running()
        parent.send_signal(signal.SIGKILL)
    child.wait(PATIENCE)
    assert not child.is_running()


@pytest.mark.parametrize(
    "name", ["plain.mp4", 'it\'s "so" $HOME `x`.mp4', "two\nlines !1 \\.mp4", "-y.mp4", "a:é🎬.mp4"]
)
def test_a_described_command_can_be_pasted(runner: FfmpegRunner, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    line = runner.describe([*_pattern(0.2), f"file:{target}"])
    answer = subprocess.run(["bash", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert probe(target).video.frames == 5


def test_each_input_of_ours_may_be_what_it_is_and_each_file_only_a_video() -> None:
    command = ("-ss", "1", "-i", "file:/a.mp4", "-f", "concat", "-i", "file:/list", "-i", "file:/b", "-f", "null", "-")
    line = guarded(command)
    guards = [place for place, word in enumerate(line) if word == "-format_whitelist"]
    assert [line[place + 2 : place + 4] for place in guards] == [("-i", "file:/a.mp4"), ("-i", "file:/b")]
    assert not {"concat", "hls", "image2"} & {name for place in guards for name in line[place + 1].split(",")}
    assert [word for place, word in enumerate(line) if not {place, place - 1} & set(guards)] == list(command)
    assert guarded(("-version",)) == ("-version",)
