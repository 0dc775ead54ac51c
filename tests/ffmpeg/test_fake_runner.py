"""Every runner keeps to one contract: the real one, and the one for tests that passes commands on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from reelmill.errors import FfmpegFailed
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.process.fake_runner import FakeRunner, fail
from reelmill.ffmpeg.process.progress import Progress
from reelmill.ffmpeg.process.run import FfmpegRunner, ProcessResult, Runner
from reelmill.ffmpeg.reading.decode import check_whole

_REAL = FfmpegRunner(find_ffmpeg())
_DRAWN = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1")


@pytest.mark.parametrize("runner", [_REAL, FakeRunner(lambda _, run: run(), _REAL)], ids=["real", "fake"])
class TestContract:
    def test_what_is_run_is_reported_and_made(self, runner: Runner, tmp_path: Path) -> None:
        target, progress = tmp_path / "made.mp4", list[Progress]()
        result = runner.run((*_DRAWN, str(target)), on_progress=progress.append)
        assert check_whole(target).frames == result.last.frames == progress[-1].frames == 10
        assert Fraction(1, 2) < result.last.out_time <= 1

    def test_what_fails_carries_its_last_lines(self, runner: Runner, tmp_path: Path) -> None:
        with pytest.raises(FfmpegFailed) as failure:
            runner.run(("-i", str(tmp_path / "absent.mp4"), "-f", "null", "-"))
        assert failure.value.exit_code != 0
        assert "No such file or directory" in "\n".join(failure.value.stderr_tail)

    def test_a_command_is_described_as_a_line_for_a_shell(self, runner: Runner) -> None:
        assert runner.describe(("-i", "a b.mp4")) == f"{find_ffmpeg()} -i 'a b.mp4'"


def test_a_command_can_be_failed_instead(tmp_path: Path) -> None:
    def full(arguments: Sequence[str], run: Callable[[], ProcessResult]) -> ProcessResult:
        return fail(arguments, "no session left", exit_code=244) if "h264_nvenc" in arguments else run()

    runner = FakeRunner(full, _REAL)
    command = (*_DRAWN, "-c:v", "h264_nvenc", str(tmp_path / "made.mp4"))
    with pytest.raises(FfmpegFailed) as failure:
        runner.run(command)
    assert (failure.value.exit_code, failure.value.stderr_tail) == (244, ("no session left",))
    assert runner.commands == [command]
    assert not (tmp_path / "made.mp4").exists()
