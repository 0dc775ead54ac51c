"""Sample videos drawn by ffmpeg itself: something to show and to measure with, with nothing to download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import ffmpeg

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.commands.filters import arguments, seconds
from reelmill.ffmpeg.process.run import FfmpegRunner, Runner
from reelmill.ffmpeg.reading.probe import media_url

#: Moving images by name: ffmpeg's lavfi source with its options, and what to do with its frames.
#: Nothing newer than ffmpeg 4.4, and every random source has a seed, so that each run draws the same.
_MOVING_IMAGES: Final[dict[str, tuple[str, dict[str, Any], tuple[tuple[str, dict[str, Any]], ...]]]] = {
    "clock": ("testsrc2", {}, ()),
    "fractal": ("mandelbrot", {"start_scale": 0.6, "end_scale": 0.002, "end_pts": 160, "maxiter": 900}, ()),
    "colony": (
        "life",
        {"mold": 25, "ratio": 0.28, "seed": 11, "life_color": "0xffe9a8", "death_color": "0xb3413a",
         "mold_color": "0x1b2a49"},
        (),
    ),
    "lichen": (
        "life",
        {"mold": 60, "ratio": 0.4, "seed": 5, "rule": "S23/B36", "life_color": "0x9dffb0",
         "death_color": "0x2f9e6e", "mold_color": "0x06241c"},
        (),
    ),
    "dusk": ("gradients", {"nb_colors": 4, "c0": "0x1a1446", "c1": "0xd1495b", "c2": "0xedae49", "c3": "0x3a1c71",
                           "speed": 0.05, "seed": 3}, ()),
    "sea": ("gradients", {"nb_colors": 3, "c0": "0x003d5b", "c1": "0x30bced", "c2": "0xd6f3ff", "speed": 0.07,
                          "seed": 8}, ()),
    "loom": ("cellauto", {"rule": 110, "seed": 4, "ratio": 0.4}, (("colorchannelmixer", {"rr": 0.95, "gg": 0.6,
                                                                                        "bb": 0.2}),)),
    "frost": ("cellauto", {"rule": 30, "seed": 9, "ratio": 0.5}, (("negate", {}), ("colorchannelmixer", {
        "rr": 0.75, "gg": 0.9, "bb": 1.0}))),
    "carpet": ("sierpinski", {"type": "carpet", "seed": 2, "jump": 60}, (("hue", {"H": "0.6*t", "s": 2}),)),
    "triangles": ("sierpinski", {"type": "triangle", "seed": 6, "jump": 60}, (("negate", {}),)),
    "bars": ("smptehdbars", {}, (("scroll", {"horizontal": 0.004}),)),
    "neon": ("smptebars", {}, (("hue", {"H": "t", "s": 1.5}), ("scroll", {"vertical": 0.003}))),
    "plasma": ("nullsrc", {}, (("geq", {
        "r": "128+127*sin(X/W*9+2*T)", "g": "128+127*sin(Y/H*7-1.4*T+2)", "b": "128+127*sin((X/W+Y/H)*6+T)"}),)),
    "ripples": ("nullsrc", {}, (("geq", {
        "r": "90+80*sin(hypot(X-W/2,Y-H/2)*14/W-4*T)", "g": "150+70*sin(hypot(X-W/3,Y-H/2)*12/W-3*T)",
        "b": "190+60*sin(X*5/W+T)"}),)),
}  # fmt: skip

#: Sources that cost too much per pixel at full size: drawn this many times smaller and scaled up.
_DRAWN_SMALLER: Final = {
    "fractal": 3, "colony": 4, "lichen": 4, "dusk": 2, "sea": 2, "loom": 3, "frost": 2, "carpet": 2, "triangles": 2,
    "plasma": 6, "ripples": 6,
}  # fmt: skip

_ENCODING: Final[dict[str, dict[str, Any]]] = {
    "libx264": {"preset": "ultrafast", "crf": 26},
    "libvpx": {"deadline": "realtime", "cpu-used": 8, "b:v": "900k"},
    "mpeg4": {"q:v": 5},
    "mpeg2video": {"q:v": 5},
}
_AUDIO_ENCODERS: Final = {".webm": "libvorbis", ".avi": "libmp3lame"}


@dataclass(frozen=True)
class Scene:
    """One shot: a moving image and the tone heard with it."""

    image: str  # a name of ``_MOVING_IMAGES``
    seconds: int
    tone: int  # Hz


@dataclass(frozen=True)
class DemoClip:
    """One video: scenes one after the other with hard cuts."""

    name: str  # the file's, whose extension chooses the container
    width: int
    height: int
    rate: Fraction
    scenes: tuple[Scene, ...]
    codec: str = "libx264"
    audio: bool = True

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames of each scene."""
        return tuple(round(scene.seconds * self.rate) for scene in self.scenes)

    @property
    def duration(self) -> Fraction:
        """Seconds in all."""
        return sum(self.frames) / self.rate

    @property
    def cuts(self) -> tuple[Fraction, ...]:
        """Seconds at which a new scene begins, the first one's zero left out."""
        return tuple(sum(self.frames[:count]) / self.rate for count in range(1, len(self.scenes)))


def _scenes(*shots: tuple[str, int, int]) -> tuple[Scene, ...]:
    return tuple(Scene(*shot) for shot in shots)


#: What ``make demo`` works on.
DEMO_CLIPS: Final = (
    DemoClip(
        "City lights.mp4", 1280, 720, Fraction(25),
        _scenes(("dusk", 6, 220), ("neon", 5, 330), ("fractal", 6, 277), ("plasma", 5, 440), ("clock", 4, 262)),
    ),
    DemoClip(
        "Frühling im Garten.mkv", 854, 480, Fraction(24),
        _scenes(("lichen", 7, 196), ("sea", 6, 294), ("carpet", 6, 247), ("ripples", 5, 370)),
    ),
    DemoClip(
        "Test card.mov", 640, 360, Fraction(30000, 1001),
        _scenes(("clock", 5, 1000), ("bars", 5, 500), ("triangles", 5, 750), ("loom", 5, 250)),
    ),
    DemoClip(
        "Harbour at noon.webm", 640, 360, Fraction(25),
        _scenes(("sea", 4, 311), ("ripples", 5, 415), ("frost", 4, 349), ("bars", 4, 466)),
        codec="libvpx",
    ),
    DemoClip(
        "Phone clip.mp4", 360, 640, Fraction(30),
        _scenes(("plasma", 5, 523), ("colony", 6, 392), ("clock", 5, 659)),
    ),
    DemoClip(
        "Tower walk.mp4", 480, 854, Fraction(30),
        _scenes(("frost", 5, 175), ("neon", 5, 233), ("dusk", 6, 208), ("fractal", 6, 262)),
    ),
    DemoClip(
        "Old tape.avi", 320, 240, Fraction(25),
        _scenes(("bars", 7, 110), ("colony", 7, 165), ("loom", 6, 131), ("dusk", 7, 147), ("clock", 6, 196),
                ("triangles", 7, 123)),
        codec="mpeg4",
    ),
    DemoClip(
        "Match point.mp4", 640, 360, Fraction(50),
        _scenes(("carpet", 5, 880), ("clock", 4, 698), ("plasma", 4, 784), ("lichen", 5, 587)),
    ),
)  # fmt: skip


def draw_clips(folder: Path, runner: Runner, clips: Sequence[DemoClip] = DEMO_CLIPS) -> list[Path]:
    """Draw ``clips`` into ``folder``.

    Returns:
        The files, in the same order.

    Raises:
        FfmpegFailed, DiskFull.
    """
    made = []
    for clip in clips:
        path = folder / clip.name
        runner.run(command(clip, path))
        made.append(path)
    return made


def tiny_clip(
    name: str,
    *,
    seconds: int = 1,
    size: tuple[int, int] = (320, 180),
    rate: Fraction = Fraction(25),
    codec: str = "libx264",
    audio: bool = True,
) -> DemoClip:
    """One short scene, ``size`` in pixels."""
    return DemoClip(name, *size, rate, (Scene("clock", seconds, 440),), codec, audio)


def draw_clip(folder: Path, clip: DemoClip) -> Path:
    """Draw one clip with this node's ffmpeg.

    Args:
        folder: where the file goes.
        clip: what it shows; its name's extension chooses the container.

    Returns:
        The file.

    Raises:
        FfmpegFailed, DiskFull.
    """
    return draw_clips(folder, FfmpegRunner(find_ffmpeg()), (clip,))[0]


def command(clip: DemoClip, target: Path) -> tuple[str, ...]:
    """ffmpeg's arguments that draw ``clip`` (pure)."""
    streams: list[Any] = []
    for scene, frames in zip(clip.scenes, clip.frames, strict=True):
        streams.append(_moving_image(clip, scene, frames))
        if clip.audio:
            streams.append(_tone(scene, frames / clip.rate))
    heard = 1 if clip.audio else 0
    joined = ffmpeg.filter_multi_output(streams, "concat", n=len(clip.scenes), v=1, a=heard)
    options: dict[str, Any] = {
        "c:v": clip.codec,
        "g": round(2 * clip.rate),  # a keyframe every two seconds, so that players seek well
        "pix_fmt": "yuv420p",
        **_ENCODING.get(clip.codec, {}),
    }
    if clip.audio:
        options |= {"c:a": _AUDIO_ENCODERS.get(target.suffix, "aac"), "b:a": "96k"}
    if target.suffix in (".mp4", ".mov"):
        options["movflags"] = "+faststart"
    return arguments(ffmpeg.output(*(joined[i] for i in range(1 + heard)), media_url(target), **options))


def _moving_image(clip: DemoClip, scene: Scene, frames: int) -> Any:
    source, options, treatment = _MOVING_IMAGES[scene.image]
    smaller = _DRAWN_SMALLER.get(scene.image, 1)
    # Even sides, which the chroma planes of some filters need.
    width, height = (max(2, side // smaller // 2 * 2) for side in (clip.width, clip.height))
    described = {"size": f"{width}x{height}", "rate": clip.rate, **options}
    if source == "gradients":  # else its end points are drawn at random outside a small frame
        described |= {"x0": 0, "y0": 0, "x1": width, "y1": height}
    spec = f"{source}=" + ":".join(f"{key}={value}" for key, value in described.items())
    video = ffmpeg.input(spec, f="lavfi")["v"].filter("trim", end_frame=frames)
    for name, settings in treatment:
        video = video.filter(name, **settings)
    if smaller > 1:
        flags = "neighbor" if source in ("life", "cellauto") else "bilinear"
        video = video.filter("scale", clip.width, clip.height, flags=flags)
    return video.filter("format", "yuv420p").filter("setsar", 1)


def _tone(scene: Scene, length: Fraction) -> Any:
    """Two notes that beat, the second an octave and a bit above, faded at the ends so that cuts do not click."""
    wave = f"0.2*sin(2*PI*{scene.tone}*t)*(0.7+0.3*sin(2*PI*2*t))+0.08*sin(2*PI*{scene.tone * 2 + 3}*t)"
    tone = ffmpeg.input(f"aevalsrc='{wave}|{wave}':sample_rate=44100:duration={seconds(length)}", f="lavfi")["a"]
    return tone.filter("afade", t="in", d=0.02).filter("afade", t="out", st=seconds(length - Fraction(1, 50)), d=0.02)
