"""A GPU we do not have, as far as ffmpeg shows it: its trials, what its encodes say, a runner whose GPU is full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.process.fake_runner import FakeRunner, fail
from reelmill.ffmpeg.process.run import FfmpegRunner, ProcessResult
from reelmill.hardware.gpu import FakeDevices, Gpu

NVIDIA_L4 = Gpu(index=0, uuid="GPU-1", name="NVIDIA L4", total_mb=23034, free_mb=12)

#: How ffmpeg 7 and later end after an encoder did not open, whatever the reason was.
AFTER = (
    "[vost#0:0/h264_nvenc @ 0x55d9] [enc:h264_nvenc @ 0x55d8] Error while opening encoder - maybe incorrect "
    "parameters such as bit_rate, rate, width or height.",
    "[vf#0:0 @ 0x55d7] Error sending frames to consumers: Cannot allocate memory",
    "[vf#0:0 @ 0x55d7] Task finished with error code: -12 (Cannot allocate memory)",
    "[vost#0:0/h264_nvenc @ 0x55d9] Could not open encoder before EOF",
    "[out#0/mp4 @ 0x55d6] Nothing was written into output file, because at least one of its streams received no "
    "packets.",
)


def pretender(folder: Path, trial: str) -> Path:
    """The real ffmpeg, but for its NVENC, whose trial is a line of shell; each trial is a line of ``folder/trials``."""
    program = folder / "ffmpeg"
    program.write_text(f"""#!/bin/bash
case "$*" in
  *-encoders*) "{find_ffmpeg()}" "$@"; echo " V....D h264_nvenc pretended" ;;
  *_nvenc*) echo "$*" >> "{folder}/trials"; {trial} ;;
  *) exec "{find_ffmpeg()}" "$@" ;;
esac
""")
    program.chmod(0o755)
    return program


class FullGpu(FakeRunner):
    """A runner whose NVENC has no session left; everything else is done for real."""

    def __init__(self, ffmpeg: Path, *said: str):
        self._said = said or ("[h264_nvenc @ 0x55d1] OpenEncodeSessionEx failed: out of memory (10): (no details)",)
        self.devices = FakeDevices((NVIDIA_L4,))
        super().__init__(self._full, FfmpegRunner(ffmpeg))

    def _full(self, arguments: Sequence[str], run: Callable[[], ProcessResult]) -> ProcessResult:
        return fail(arguments, *self._said, *AFTER, exit_code=244) if "h264_nvenc" in arguments else run()

    @property
    def encoders(self) -> list[str]:
        """Of the commands run, in order."""
        return [command[command.index("-c:v") + 1] for command in self.commands]


class Lines:
    """A report that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        assert 0 <= fraction <= 1
