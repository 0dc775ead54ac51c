"""One node's ffmpeg, ready to work: which binary, which encoder, which time-outs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from reelmill.errors import CapabilityError, FfmpegFailed, GpuBusy
from reelmill.ffmpeg.binary import encoders, filters, find_ffmpeg, usable
from reelmill.ffmpeg.codecs import WEB, Codec, runs_on_gpu
from reelmill.ffmpeg.encoders import advice, gpu_trouble
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.process.progress import Progress
from reelmill.ffmpeg.process.run import FfmpegRunner, Limits, ProcessResult, Runner
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.hardware.backends import SOFTWARE, EncoderChoice
from reelmill.hardware.energy import POWERCAP, Energy, EnergyMeter
from reelmill.hardware.gpu import NVML, Devices
from reelmill.report import Report
from reelmill.settings import get_settings
from reelmill.storage.disk import Disk
from reelmill.wording import in_seconds, in_speed

#: The profile of Dolby Vision that has no layer of HDR10, HLG or SDR to fall back on.
_NO_OTHER_LAYER: Final = 5


@dataclass(frozen=True)
class TranscoderOptions:
    """What a site may choose; the ``Transcoder`` block is its face in the Prefect UI."""

    binary: Path | None = None
    encoder: EncoderChoice = "auto"
    software_fallback: bool = True  # for a GPU encode that fails for want of a session or memory
    threads: int | None = None
    stall_timeout: float = 300.0
    total_timeout: float | None = None
    max_height: int = 1080  # of a web copy whose job does not choose, see ``web_size``


@dataclass(frozen=True)
class EncodeResult(ProcessResult):
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

    def choose_encoder(self, wanted: EncoderChoice, codec: Codec = WEB) -> str:
        """Choose an encoder of a codec.

        Args:
            wanted: a job's own choice; ``auto`` leaves it to the site's option, then to what the node has.
            codec: what is to come out.

        Returns:
            ffmpeg's name of it.

        Raises:
            CapabilityError: the chosen one does not work here.
        """
        choice = self.options.encoder if wanted == "auto" else wanted
        gpus = () if choice == SOFTWARE.choice else self.devices.gpus()
        vendors = {gpu.vendor for gpu in gpus}
        here = [row for row in codec.encoders if row.backend.vendor in vendors]
        if choice == "auto":
            row = next((row for row in here if usable(self.ffmpeg, row.name)), codec.software)
        else:
            chosen = next((row for row in codec.encoders if row.backend.choice == choice), None)
            if chosen is None:
                raise CapabilityError(f"There is no {choice} encoder of {codec.title}; choose encoder=auto.", choice)
            row = chosen
        # Asked for with its GPU there, an encoder gets its chance: a trial now may meet other jobs on all sessions, and
        # a GPU that cannot do it is what ``encode`` falls back from.
        able = row.name in encoders(self.ffmpeg) if row in here else usable(self.ffmpeg, row.name)
        if not able:
            raise CapabilityError(
                f"The encoder {row.name} does not work with {self.ffmpeg} on this node; choose encoder=auto.", row.name
            )
        return row.name

    def default_encoding(self) -> Encoding:
        """How frames are encoded where a job has no wishes of its own.

        Returns:
            The site's encoder and threads, all else as ``Encoding`` has it.

        Raises:
            CapabilityError: the site's chosen encoder does not work here.
        """
        return Encoding(encoder=self.choose_encoder("auto"), threads=self.options.threads)

    def require_tone_mapping(self, info: MediaInfo) -> None:
        """An HDR source needs zscale and tonemap.

        Raises:
            CapabilityError: this ffmpeg was built without them, or no ffmpeg can map it without a GPU.
        """
        if info.video.dolby_vision == _NO_OTHER_LAYER:
            raise CapabilityError(
                "The source is Dolby Vision of profile 5, whose colours no ffmpeg can turn into others without a GPU: "
                "export it as HDR10 or SDR first.",
                "libplacebo",
            )
        if info.video.hdr and not {"zscale", "tonemap"} <= filters(self.ffmpeg):
            raise CapabilityError(
                f"The source is HDR and {self.ffmpeg} lacks the filter zscale (libzimg); use the bundled ffmpeg.",
                "zscale",
            )

    def encode(
        self,
        build: Callable[[Encoding], Sequence[str]],
        encoding: Encoding,
        report: Report,
        length: Fraction | None = None,
    ) -> EncodeResult:
        """Run an encode; one that the GPU has no room for is done in software, where the site allows it.

        Args:
            build: makes the command line for a way to encode, as the functions of ``filters`` do.
            encoding: how to encode. What is made in its stead in software keeps all settings but the encoder.
            report: where lines and progress go.
            length: expected seconds of output, which progress is measured against.

        Returns:
            What it took, and which encoder did it in the end.

        Raises:
            GpuBusy: the GPU could not encode, and ``software_fallback`` is off.
            FfmpegFailed: the encode went wrong.
            ProcessStalled: nothing came for too long.
            DiskFull: there is no room for what it writes.
        """
        try:
            return self.metered(build(encoding), encoding.encoder, report, length)
        except FfmpegFailed as error:
            encoding = self.instead(error, encoding, report)
        return self.metered(build(encoding), encoding.encoder, report, length)

    def instead(self, error: FfmpegFailed, encoding: Encoding, report: Report) -> Encoding:
        """How to encode in software what the GPU had no room for.

        Args:
            error: how the encode ended.
            encoding: how it was tried; all settings but the encoder stay.
            report: where the reason goes.

        Returns:
            The same settings with the software encoder of the codec.

        Raises:
            GpuBusy: the site does not allow it.
            FfmpegFailed: ``error`` again, where the GPU was not the trouble.
        """
        trouble = gpu_trouble(error) if runs_on_gpu(encoding.encoder) else None
        if trouble is None:
            raise error
        if not self.options.software_fallback:
            raise GpuBusy(
                f"The GPU could not encode ({trouble}); run the job again later, or allow software_fallback "
                f"in the Reelmill transcoder block{advice(trouble)}."
            ) from error
        software = encoding.codec.software.name
        report.line(f"the GPU could not encode ({trouble}); encoding in software instead ({software})")
        return replace(encoding, encoder=software)

    def metered(
        self,
        arguments: Sequence[str],
        encoder: str,
        report: Report,
        length: Fraction | None = None,
        on_progress: Callable[[], object] | None = None,
    ) -> EncodeResult:
        """Run one encode and measure the energy it takes.

        Args:
            arguments: as ``filters`` makes them.
            encoder: that is used in them; a GPU's energy counts only for its own.
            report: where lines and progress go.
            length: expected seconds of output, which progress is measured against.
            on_progress: is called at each progress of ffmpeg, before the report; an error of it ends ffmpeg.

        Returns:
            What it took.

        Raises:
            FfmpegFailed: the encode went wrong.
            ProcessStalled: nothing came for too long.
            DiskFull: there is no room for what it writes.
        """
        meter = EnergyMeter(gpu=runs_on_gpu(encoder), devices=self.devices, powercap=self.powercap)
        observers = [meter.tick] if on_progress is None else [meter.tick, on_progress]
        finished = self.run(arguments, report, length, observers)
        return EncodeResult(**vars(finished), encoder=encoder, energy=meter.stop())

    def run(
        self,
        arguments: Sequence[str],
        report: Report,
        length: Fraction | None = None,
        observers: Sequence[Callable[[], object]] = (),
    ) -> ProcessResult:
        """Run one command, its line to paste logged first.

        Args:
            arguments: as ``filters`` makes them.
            report: where lines and progress go.
            length: expected seconds of output, which progress is measured against.
            observers: are called at each progress of ffmpeg, before the report; an error of one ends ffmpeg.

        Returns:
            What it took.

        Raises:
            FfmpegFailed: the encode went wrong.
            ProcessStalled: nothing came for too long.
            DiskFull: there is no room for what it writes.
        """
        assert self.runner is not None
        report.line(f"command: {self.runner.describe(arguments)}")

        def on_progress(now: Progress) -> None:
            for observe in observers:
                observe()
            speed = "" if now.speed is None else f", {in_speed(now.speed)}"
            report.progress(now.fraction_of(length), f"{in_seconds(float(now.out_time))}{speed}", now.speed)

        limits = Limits(stall=self.options.stall_timeout, total=self.options.total_timeout, disk=self.disk)
        try:
            return self.runner.run(arguments, limits=limits, on_progress=on_progress)
        except FfmpegFailed as error:
            for line in error.stderr_tail:
                report.line(f"ffmpeg: {line}")
            raise
