"""Whatever a job makes, spoilt in any of many ways before it is published, never enters the library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from reelmill.catalogue.models import Video
from reelmill.errors import OutputRejected
from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify import Decoder
from reelmill.operations.context import Workbench
from reelmill.operations.films import film_work
from reelmill.operations.jobs import reencode as reencoding
from reelmill.operations.jobs.clip_generate import clip_generate
from reelmill.operations.jobs.compile_mega import compile_mega
from reelmill.operations.jobs.compile_quad import compile_quad
from reelmill.operations.jobs.compile_random import compile_random
from reelmill.operations.jobs.digest import digest
from reelmill.operations.jobs.highlight_generate import highlight_generate
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.scene_extract import scene_extract
from reelmill.operations.publishing.publish import Product, publish
from reelmill.operations.web_copies import skip_or_remux
from reelmill.operations.web_copies.skip_or_remux import without_encoding
from tests.clips import ffmpeg, generated
from tests.operations.library import add, files

_K = FindingKind
_SECONDS, _SHORT = 6.0, 2.4
_CODED = (
    *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "16", "-pix_fmt", "yuv420p", "-fps_mode", "passthrough"),
    *("-c:a", "aac", "-movflags", "+faststart"),
)


class _Spoiling(NamedTuple):
    """How a finished film is made otherwise, and as which of these that is found out."""

    options: tuple[str, ...]
    kinds: frozenset[FindingKind]


def _shown(graph: str, *kinds: FindingKind) -> _Spoiling:
    return _Spoiling(("-vf", graph, "-c:a", "copy"), frozenset(kinds))


def _heard(graph: str, *kinds: FindingKind) -> _Spoiling:
    return _Spoiling(("-c:v", "copy", "-af", graph), frozenset(kinds))


_SHOWN = {
    "black": _shown("drawbox=color=black:t=fill", _K.BLACK),
    "negative": _shown("negate", _K.NEGATIVE),
    "upside down": _shown("vflip", _K.UPSIDE_DOWN),
    "without colours": _shown("hue=s=0", _K.COLOURLESS),
    "made small": _shown("scale=80:46,scale=160:120", _K.COARSE),
    "coarse": _Spoiling(("-crf", "51", "-c:a", "copy"), frozenset({_K.COARSE})),
    "in another order": _shown("shuffleframes=1 0", _K.MISPLACED, _K.FRAME_COUNT),
    "in another range": _shown("scale=in_range=tv:out_range=pc,setparams=range=tv", _K.TOO_MUCH_CONTRAST),
}
_HEARD = {
    "muted for a while": _heard("volume=0:enable='between(t,0.3,1.1)'", _K.MUTED, _K.MUTED_CHANNEL),
    "too quiet": _heard("volume=-40dB", _K.QUIETER, _K.SILENT),
    "swapped": _heard("pan=stereo|c0=c1|c1=c0", _K.SWAPPED_CHANNELS),
    "without its right channel": _heard("pan=stereo|c0=c0", _K.DEAD_CHANNEL),
    "late": _heard("adelay=200:all=1,atrim=end={length}", _K.OUT_OF_SYNC),
    "drifting": _heard("asetrate=48000*1.08,aresample=48000,apad=whole_dur={length}", _K.OUT_OF_SYNC, _K.DRIFTING),
    "clipped": _heard("volume=30dB", _K.CLIPPED),
}
_SPOILT = _SHOWN | _HEARD

#: What makes films, of a long video and four shorter ones.
_JOBS: dict[str, Callable[[Workbench, list[str]], Any]] = {
    "reencode": lambda bench, ids: reencode(bench, ids[0], preset="veryfast"),
    "reencode in chunks": lambda bench, ids: reencode(bench, ids[0], preset="veryfast", chunk_seconds=3),
    "remux": lambda bench, ids: without_encoding(bench, ids[0], target_bitrate=2000),
    "compile_quad": lambda bench, ids: compile_quad(bench, ids[1:]),
    "compile_mega, a sequence": lambda bench, ids: compile_mega(bench, ids[:2], layout="sequence"),
    "compile_random": lambda bench, _: compile_random(bench, count=1, min_duration=5),
    "digest": lambda bench, ids: digest(bench, ids[0], target_length=4),
    "clip_generate": lambda bench, ids: clip_generate(bench, ids[0], count=1, length=4),
    "highlight_generate": lambda bench, ids: highlight_generate(bench, ids[0], length=4),
    "scene_extract": lambda bench, ids: scene_extract(bench, ids[0], files=True),
}


@pytest.fixture
def ids(bench: Workbench) -> list[str]:
    """Videos in which something moves; their channels take turns, are not as loud, and never like themselves."""
    made = []
    for number, seconds in enumerate([_SECONDS, *4 * [_SHORT]]):
        left, right = (
            f"{loud}*sin({tone}*t+40*sin(7*t))*lt(mod(t+0.13*t*t+{late}\\,1)\\,0.6)"
            for loud, tone, late in ((0.3, 2000, 0), (0.06, 3000, 0.5))
        )
        path = generated(
            bench.root.folder("inbox") / f"{number}.mkv",
            *("-f", "lavfi", "-i", f"testsrc2=size=160x120:rate=25:duration={seconds}"),
            *("-f", "lavfi", "-i", f"aevalsrc={left}|{right}:s=48000:d={seconds}"),
            *("-vf", "scale=out_range=tv", "-pix_fmt", "yuv420p", "-preset", "veryfast", "-crf", "12", "-g", "10"),
            *("-c:a", "aac"),
        )
        made.append(str(add(bench, path).id))
    return made


def _library(bench: Workbench) -> list[Path]:
    return [path for path in files(bench.root) if not path.is_relative_to(bench.root.work)]


@pytest.mark.parametrize("name", _JOBS)
def test_no_spoilt_product_is_published(
    bench: Workbench, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The job stages its film once; each spoiling of that is handed to the publishing in its place, and then itself."""
    tried = dict[str, set[FindingKind]]()

    def attempt_all(bench: Workbench, staged: Path, product: Product, decode: Decoder = check_whole) -> Video:
        before, length = _library(bench), float(probe(staged).duration or 0)
        for lie, spoiling in _SPOILT.items():
            spoilt = staged.with_name("spoilt.mp4")
            options = [option.replace("{length}", str(length)) for option in spoiling.options]
            ffmpeg("-i", staged, *_CODED, *options, spoilt)
            tried[lie] = set()
            try:
                publish(bench, spoilt, product, decode)
            except OutputRejected as error:
                tried[lie] = {finding.kind for finding in error.findings}
            spoilt.unlink()
            assert _library(bench) == before, lie
        return publish(bench, staged, product, decode)

    for module in (film_work, reencoding, skip_or_remux):
        monkeypatch.setattr(module, "publish", attempt_all)
    _JOBS[name](bench, ids)
    assert {lie: kinds for lie, kinds in tried.items() if not kinds & _SPOILT[lie].kinds} == {}
    assert tried.keys() == _SPOILT.keys()
