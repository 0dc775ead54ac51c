"""One machine's ffmpeg, ready to work: which binary, which encoder, which time-outs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

from reelmill.errors import CapabilityError, FfmpegFailed, GpuBusy
from reelmill.ffmpeg.binary import encoders, filters, find_ffmpeg, usable
from reelmill.ffmpeg.build import H264
from reelmill.ffmpeg.encoders import advice, gpu_trouble
from reelmill.ffmpeg.energy import POWERCAP, Energy, EnergyMeter
from reelmill.ffmpeg.probe import MediaInfo
from reelmill.ffmpeg.progress import Progress
from reelmill.ffmpeg.run import FfmpegRunner, Finished, Limits, Runner
from reelmill.report import Report
from reelmill.scheduling.devices import NVML, Devices
from reelmill.settings import get_settings
from reelmill.space import Disk

Encoder = Literal["auto", "x264", "nvenc"]

_SOFTWARE: Final = "libx264"
_GPU: Final = "h264_nvenc"


@dataclass(frozen=True)
class TranscoderOptions:
    """What a site may choose; the ``Transcoder`` block is its face in the Prefect UI."""

    binary: Path | None = None
    encoder: Encoder = "auto"
    software_fallback: bool = True  # for a GPU encode that fails for want of a session or memory
    threads: int | None = None
    stall_timeout: float = 300.0
    total_timeout: float | None = None


@dataclass(frozen=True)
class Encoded(Finished):
    """What one encode cost, and which encoder did it in the end."""

    encoder: str
    energy: Energy


@dataclass(frozen=True)
class Transcoder:
    """Runs ffmpeg for an operation, with its lines and progress going to the job's report."""

    options: TranscoderOptions = TranscoderOptions()
    ffmpeg: Path = field(init=False)
    runner: Runner | None = None
    devices: Devices = NVML
    powercap: Path = POWERCAP
    disk: Disk | None = None  # looked at while ffmpeg writes

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
        cards = choice != "x264" and bool(self.devices.gpus())
        if choice == "auto":
            choice = "nvenc" if cards and usable(self.ffmpeg, _GPU) else "x264"
        name = {"x264": _SOFTWARE, "nvenc": _GPU}[choice]
        # Asked for with a card there, NVENC gets its chance: a trial now may meet other jobs on all sessions, and a
        # card that cannot do it is what ``encode`` falls back from.
        able = name in encoders(self.ffmpeg) if name == _GPU and cards else usable(self.ffmpeg, name)
        if not able:
            raise CapabilityError(
                f"The encoder {name} does not work with {self.ffmpeg} on this machine; choose encoder=auto."
            )
        return name

    def h264(self) -> H264:
        """How pictures become H.264 where a job has no wishes of its own.

        Raises:
            CapabilityError: the site's chosen encoder does not work here.
        """
        return H264(encoder=self.h264_encoder("auto"), threads=self.options.threads)

    def require_tone_mapping(self, info: MediaInfo) -> None:
        """An HDR source needs zscale and tonemap.

        Raises:
            CapabilityError: this ffmpeg was built without them.
        """
        if info.video.hdr and not {"zscale", "tonemap"} <= filters(self.ffmpeg):
            raise CapabilityError(
                f"The source is HDR and {self.ffmpeg} lacks the filter zscale (libzimg); use the bundled ffmpeg."
            )

    def encode(
        self, build: Callable[[H264], Sequence[str]], h264: H264, report: Report, length: Fraction | None = None
    ) -> Encoded:
        """Run an H.264 encode; one that the GPU has no room for is done in software, where the site allows it.

        Args:
            build: makes the command line for a way to encode, as ``build``'s functions do.
            h264: how to encode. What is made in its stead in software keeps all settings but the encoder.
            report: where lines and progress go.
            length: expected seconds of output, which progress is measured against.

        Raises:
            GpuBusy: the GPU could not encode, and ``software_fallback`` is off.
            FfmpegFailed, Stalled, DiskFull.
        """
        try:
            return self.metered(build(h264), h264.encoder, report, length)
        except FfmpegFailed as error:
            h264 = self.instead(error, h264, report)
        return self.metered(build(h264), h264.encoder, report, length)

    def instead(self, error: FfmpegFailed, h264: H264, report: Report) -> H264:
        """How to encode in software what the GPU had no room for.

        Args:
            error: how the encode ended.
            h264: how it was tried; all settings but the encoder stay.
            report: where the reason goes.

        Raises:
            GpuBusy: the site does not allow it.
            FfmpegFailed: ``error`` again, where the GPU was not the trouble.
        """
        trouble = gpu_trouble(error) if h264.encoder == _GPU else None
        if trouble is None:
            raise error
        if not self.options.software_fallback:
            raise GpuBusy(
                f"The GPU could not encode ({trouble}); run the job again later, or allow software_fallback "
                f"in the Reelmill transcoder block{advice(trouble)}."
            ) from error
        report.line(f"the GPU could not encode ({trouble}); encoding in software instead ({_SOFTWARE})")
        return replace(h264, encoder=_SOFTWARE)

    def metered(
        self, arguments: Sequence[str], encoder: str, report: Report, length: Fraction | None = None
    ) -> Encoded:
        """Run one encode and measure the energy it takes.

        Args:
            arguments: as ``build`` makes them.
            encoder: that is used in them; a card's energy counts only for its own.
            report: where lines and progress go.
            length: expected seconds of output, which progress is measured against.

        Raises:
            FfmpegFailed, Stalled, DiskFull.
        """
        meter = EnergyMeter(gpu=encoder.endswith("_nvenc"), devices=self.devices, powercap=self.powercap)
        finished = self.run(arguments, report, length, meter)
        return Encoded(**vars(finished), encoder=encoder, energy=meter.stop())

    def run(
        self,
        arguments: Sequence[str],
        report: Report,
        length: Fraction | None = None,
        meter: EnergyMeter | None = None,
    ) -> Finished:
        """Run one command, its line to paste logged first.

        Args:
            arguments: as ``build`` makes them.
            report: where lines and progress go.
            length: expected seconds of output, which progress is measured against.
            meter: is read now and then.

        Raises:
            FfmpegFailed, Stalled, DiskFull.
        """
        assert self.runner is not None
        report.line(f"command: {self.runner.describe(arguments)}")

        def on_progress(now: Progress) -> None:
            if meter is not None:
                meter.tick()
            speed = "" if now.speed is None else f", {now.speed:.2f}x"
            report.progress(now.fraction_of(length), f"{float(now.out_time):.1f} s{speed}")

        limits = Limits(stall=self.options.stall_timeout, total=self.options.total_timeout, disk=self.disk)
        try:
            return self.runner.run(arguments, limits=limits, on_progress=on_progress)
        except FfmpegFailed as error:
            for line in error.stderr_tail:
                report.line(f"ffmpeg: {line}")
            raise
