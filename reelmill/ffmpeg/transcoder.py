"""One machine's ffmpeg, ready to work: which binary, which encoder, which time-outs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from reelmill.errors import CapabilityError, FfmpegFailed
from reelmill.ffmpeg.binary import filters, find_ffmpeg, usable
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.ffmpeg.progress import Progress
from reelmill.ffmpeg.run import FfmpegRunner, Finished, Limits, Runner
from reelmill.report import Report
from reelmill.scheduling.devices import gpus
from reelmill.settings import get_settings

Encoder = Literal["auto", "x264", "nvenc"]


@dataclass(frozen=True)
class TranscoderOptions:
    """What a site may choose; the ``Transcoder`` block is its face in the Prefect UI."""

    binary: Path | None = None
    encoder: Encoder = "auto"
    threads: int | None = None
    stall_timeout: float = 300.0
    total_timeout: float | None = None


@dataclass(frozen=True)
class Transcoder:
    """Runs ffmpeg for an operation, with its lines and progress going to the job's report."""

    options: TranscoderOptions = TranscoderOptions()
    ffmpeg: Path = field(init=False)
    runner: Runner | None = None

    def __post_init__(self) -> None:
        found = find_ffmpeg(get_settings().ffmpeg or self.options.binary)
        object.__setattr__(self, "ffmpeg", found)
        if self.runner is None:
            object.__setattr__(self, "runner", FfmpegRunner(found))

    def h264_encoder(self, wanted: Encoder) -> str:
        """ffmpeg's name of the H.264 encoder to use.

        Args:
            wanted: a job's own choice; ``auto`` leaves it to the site's option, then to what the machine has.

        Raises:
            CapabilityError: the chosen one does not work here.
        """
        choice = self.options.encoder if wanted == "auto" else wanted
        if choice == "auto":
            choice = "nvenc" if gpus() and usable(self.ffmpeg, "h264_nvenc") else "x264"
        name = {"x264": "libx264", "nvenc": "h264_nvenc"}[choice]
        if not usable(self.ffmpeg, name):
            raise CapabilityError(
                f"The encoder {name} does not work with {self.ffmpeg} on this machine; choose encoder=auto."
            )
        return name

    def require_tone_mapping(self, info: MediaInfo) -> None:
        """An HDR source needs zscale and tonemap.

        Raises:
            CapabilityError: this ffmpeg was built without them.
        """
        if info.video.hdr and not {"zscale", "tonemap"} <= filters(self.ffmpeg):
            raise CapabilityError(
                f"The source is HDR and {self.ffmpeg} lacks the filter zscale (libzimg); use the bundled ffmpeg."
            )

    def run(self, arguments: Sequence[str], report: Report, length: Fraction | None = None) -> Finished:
        """Run one command, its line to paste logged first.

        Args:
            arguments: as ``build`` makes them.
            report: where lines and progress go.
            length: expected seconds of output, which progress is measured against.

        Raises:
            FfmpegFailed, Stalled, DiskFull.
        """
        assert self.runner is not None
        report.line(f"command: {self.runner.describe(arguments)}")

        def on_progress(now: Progress) -> None:
            speed = "" if now.speed is None else f", {now.speed:.2f}x"
            report.progress(now.fraction_of(length), f"{float(now.out_time):.1f} s{speed}")

        limits = Limits(stall=self.options.stall_timeout, total=self.options.total_timeout)
        try:
            return self.runner.run(arguments, limits=limits, on_progress=on_progress)
        except FfmpegFailed as error:
            for line in error.stderr_tail:
                report.line(f"ffmpeg: {line}")
            raise
