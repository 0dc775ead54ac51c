"""Scenario: a load test. It encodes a generated video for real, and reports what this node can do.

What it writes is never a video of the library: a file is made in a work folder, verified there, and removed.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from reelmill.errors import CapabilityError, FfmpegFailed, GpuBusy, OutputRejected, WrongParameter
from reelmill.ffmpeg.codecs import codec_called, runs_on_gpu
from reelmill.ffmpeg.encoders import advice, gpu_trouble
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.loadtest import gstreamer, load
from reelmill.ffmpeg.loadtest.load import Load
from reelmill.ffmpeg.loadtest.scenarios import Scenario, bitrate, scenario_named
from reelmill.ffmpeg.loadtest.sink import Sink, sink
from reelmill.ffmpeg.process.cost import Cost, cost_of, with_encoder
from reelmill.ffmpeg.transcoder import EncodeResult, Transcoder
from reelmill.ffmpeg.verify import Expectation, verify
from reelmill.hardware.backends import SOFTWARE, LoadChoice
from reelmill.operations.context import Workbench
from reelmill.operations.derived.load_limit import Limit, Step, knee, next_streams
from reelmill.operations.publishing.workspace import workspace
from reelmill.operations.recipe import recipe
from reelmill.operations.result_card import ItemTable, ResultCard, cost_rows
from reelmill.queue.job_type import JobType
from reelmill.report import NullReport, Report, Share
from reelmill.settings import get_settings
from reelmill.wording import in_bytes, in_speed, plural

#: A load test is meant to be run many times over.
JOB_TYPE: Final = JobType(repeats=True)

Engine = Literal["auto", "ffmpeg", "gstreamer"]

#: Seconds of video each stream encodes while the limit is looked for, at most.
LIMIT_SECONDS: Final = 5


class ScenarioResult(BaseModel):
    """What was encoded, how fast, and at what cost."""

    model_config = ConfigDict(frozen=True)

    name: str
    engine: str  # ffmpeg or gstreamer
    encoder: str  # as the engine calls it
    output: str  # file, null, or the address
    codec: str
    width: int
    height: int
    rate: int  # frames per second
    target_bitrate: int  # kbit/s
    frames: int
    seconds: float  # wall time of the encode
    cpu_seconds: float  # generating the frames included
    speed: float  # seconds of video per second
    fps: float  # frames per second of wall time
    bit_rate: int  # bit/s of what came out, container included where there is one
    bytes: int
    cost: Cost
    limit: Limit | None  # where it was asked for

    def run_cost(self) -> Cost:
        """See ``EncodingResult.run_cost``."""
        return self.cost

    def result_card(self) -> ResultCard:
        """The result for people: how fast it was, and how many at once are best where that was asked for."""
        rows: list[tuple[str, str]] = [
            ("encoded", f"{plural(self.frames, 'frame')} of {self.width}x{self.height}, {self.rate} a second"),
            ("by", f"{self.encoder} of {self.engine}, into {self.output}"),
            ("bit rate", f"{self.bit_rate / 1000:.0f} kbit/s of {self.target_bitrate} wanted"),
            ("size", in_bytes(self.bytes)),
            *cost_rows(self.cost),
        ]
        table = None
        if self.limit is not None:
            rows.append(("recommended at once", f"{self.limit.recommended}, because {self.limit.reason}"))
            rows.append(("in real time", f"about {self.limit.realtime}"))
            table = ItemTable(
                ("streams at once", "slowest stream", "all together", "cores busy"),
                tuple(
                    (str(one.streams), in_speed(one.speed), in_speed(one.throughput), f"{one.cores:.1f}")
                    for one in self.limit.steps
                ),
            )
        title = f"{self.name} with {self.encoder}: {in_speed(self.speed)}, {self.fps:.0f} frames a second"
        return ResultCard(title, tuple(rows), table=table)


@dataclass(frozen=True)
class _Work:
    """How the loads of one scenario are run."""

    scenario: Scenario
    engine: str
    encoder: str
    kbit: int
    transcoder: Transcoder
    arguments: Callable[[Load], tuple[str, ...]]

    def load(self, seconds: float, into: Sink, target: str) -> Load:
        frames = max(1, round(seconds * self.scenario.rate))
        threads = self.transcoder.options.threads
        return Load(self.scenario, frames, self.kbit, self.encoder, into, target, threads)

    def run(self, asked: Load, report: Report) -> EncodeResult:
        """Encode once, every frame counted.

        Returns:
            What was encoded, and its cost.

        Raises:
            GpuBusy: the GPU could not; software would prove nothing about the GPU.
            FfmpegFailed: ffmpeg failed for another reason.
            OutputRejected: frames are missing.
            ProcessStalled, DiskFull: see ``Transcoder.metered``.
        """
        try:
            done = self.transcoder.metered(self.arguments(asked), self.encoder, report, asked.length)
        except FfmpegFailed as error:
            trouble = gpu_trouble(error) if runs_on_gpu(self.encoder) else None
            if trouble is None:
                raise
            raise GpuBusy(f"The GPU could not encode {self.scenario.name}: {trouble}{advice(trouble)}.") from error
        if done.last.frames != asked.frames:
            reason = f"{done.last.frames} frames came out of {asked.frames} of {self.scenario.name}."
            counted = Finding(FindingKind.FRAME_COUNT, got=done.last.frames, wanted=asked.frames)
            raise OutputRejected(reason, (counted,))
        return done


def scenario(
    bench: Workbench,
    name: str,
    *,
    duration: float = 10,
    bitrate_wanted: str = "auto",
    output: str = "null",
    engine: Engine = "auto",
    encoder: LoadChoice = "auto",
    find_limit: bool = False,
) -> ScenarioResult:
    """Run a load scenario.

    Args:
        bench: what to work with.
        name: of the scenario: see ``scenario_named``.
        duration: seconds of video, rounded to whole frames.
        bitrate_wanted: ``auto``, or like ``6M``, ``800k``.
        output: ``null``, ``file``, or an RTMP or SRT address on this node.
        engine: ``ffmpeg``, ``gstreamer``, or ``auto``: ffmpeg where it has the encoder, else GStreamer.
        encoder: ``software``, ``nvenc``, or ``auto``: the GPU where it works. GStreamer encodes in software.
        find_limit: look for how many at once are best, each of at most ``LIMIT_SECONDS`` into nowhere.

    Returns:
        How fast it was and at what cost.

    Raises:
        WrongParameter: what was asked for is no scenario, or leads to another node.
        CapabilityError: no engine here has the encoder; names what to install.
        GpuBusy, FfmpegFailed, ProcessStalled, DiskFull, OutputRejected: the encode went wrong.
    """
    chosen = scenario_named(name)
    if not 0 < duration < math.inf:
        raise WrongParameter(f"A load of {duration:g} s cannot be made; ask for more than 0.", "duration", duration)
    into = sink(output, chosen.codec)
    work = _work(bench.transcoder, chosen, bitrate(chosen, bitrate_wanted), engine, encoder, into)
    bench.report.line(
        f"scenario: {chosen.name}, {chosen.width}x{chosen.height}, {chosen.rate} frames a second, "
        f"{work.kbit} kbit/s, {work.encoder} of {work.engine}, into {into.url or into.kind}"
    )
    share = Share(bench.report, 0.0, 0.5 if find_limit else 1.0)
    asked = work.load(duration, into, into.url or "")
    done, size = _into_file(bench, work, asked, share) if into.kind == "file" else _elsewhere(work, asked, share)
    limit = _limit(work, min(duration, LIMIT_SECONDS), bench.report) if find_limit else None
    bench.report.progress(1.0, "done")
    return _result(work, asked, done, size, limit)


def _work(
    transcoder: Transcoder, chosen: Scenario, kbit: int, engine: Engine, encoder: LoadChoice, into: Sink
) -> _Work:
    if engine != "gstreamer":
        try:
            return _Work(
                chosen, "ffmpeg", load.choose_encoder(transcoder, chosen, encoder), kbit, transcoder, load.arguments
            )
        except CapabilityError:
            on_gpu = encoder not in ("auto", SOFTWARE.name)
            # GStreamer stands in for an ffmpeg without the encoder, not for a GPU that was asked for.
            if engine == "ffmpeg" or on_gpu or gstreamer.find_gst_launch(get_settings().gst_launch) is None:
                raise
    if encoder not in ("auto", SOFTWARE.name):
        raise CapabilityError("GStreamer encodes in software here; choose engine=ffmpeg for the GPU.", "gstreamer")
    program = gstreamer.require_gstreamer(get_settings().gst_launch)
    runner = gstreamer.GstRunner(program, Fraction(chosen.rate))
    work = _Work(
        chosen,
        "gstreamer",
        gstreamer.encoder(chosen.codec).element,
        kbit,
        replace(transcoder, runner=runner),
        gstreamer.arguments,
    )
    gstreamer.require_elements(program, work.load(1, into, into.url or ""))
    return work


def _elsewhere(work: _Work, asked: Load, report: Report) -> tuple[EncodeResult, int]:
    done = work.run(asked, report)
    return done, done.last.size


def _into_file(bench: Workbench, work: _Work, asked: Load, report: Report) -> tuple[EncodeResult, int]:
    """Encode into a file of a work folder, decode all of it, and let it go with the folder."""
    codec = codec_called(work.scenario.codec)
    with workspace(bench.root, recipe("scenario", run=uuid.uuid4()), bench.report) as folder:
        path = folder / f"{work.scenario.name}.{codec.container}"
        bench.report.line(f"output: {bench.root.relative(path)}, to be verified and removed")
        done = work.run(replace(asked, target=str(path)), report)
        expected = Expectation(
            duration=asked.length,
            frames=asked.frames,
            size=(work.scenario.width, work.scenario.height),
            codec=codec.name,
            audio_tracks=0,
            faststart=False,
        )
        verify(path, expected, path.name)
        return done, path.stat().st_size


def _limit(work: _Work, seconds: float, report: Report) -> Limit:
    """Measure more and more at once."""
    steps: list[Step] = []
    while (streams := next_streams(steps)) is not None:
        try:
            step = _at_once(work, work.load(seconds, Sink("null"), ""), streams)
        except GpuBusy as error:
            if not steps:
                raise
            report.line(f"{streams} at once: {error}")
            step = Step(streams=streams, speed=0.0, throughput=0.0, cores=0.0)
        steps.append(step)
        report.line(f"{streams} at once: {step.speed:.2f}x each, {step.throughput:.2f}x in all, {step.cores:.1f} cores")
        report.progress(min(0.95, 0.5 + 0.08 * len(steps)), f"{streams} at once")
    found = knee(steps)
    report.line(f"recommended at once: {found.recommended} ({found.reason})")
    return found


def _at_once(work: _Work, asked: Load, streams: int) -> Step:
    started = time.monotonic()
    with ThreadPoolExecutor(streams) as pool:
        done = list(pool.map(lambda _: work.run(asked, NullReport()), range(streams)))
    wall, length = time.monotonic() - started, float(asked.length)
    return Step(
        streams=streams,
        speed=length / max(one.seconds for one in done),
        throughput=streams * length / wall,
        cores=sum(one.cpu_seconds for one in done) / wall,
    )


def _result(work: _Work, asked: Load, done: EncodeResult, size: int, limit: Limit | None) -> ScenarioResult:
    cost = with_encoder(cost_of(done, done.energy, asked.length, bytes_in=None, bytes_out=size), work.encoder)
    return ScenarioResult(
        name=work.scenario.name,
        engine=work.engine,
        encoder=work.encoder,
        output=asked.sink.url or asked.sink.kind,
        codec=work.scenario.codec,
        width=work.scenario.width,
        height=work.scenario.height,
        rate=work.scenario.rate,
        target_bitrate=work.kbit,
        frames=done.last.frames,
        seconds=done.seconds,
        cpu_seconds=done.cpu_seconds,
        speed=cost.speed,
        fps=done.last.frames / done.seconds,
        bit_rate=round(8 * size / asked.length),
        bytes=size,
        cost=cost,
        limit=limit,
    )
