"""The table of codecs: each row encodes its codec, and a new row is all that a new codec takes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final, get_args

import ffmpeg
import pytest

from reelmill.ffmpeg import codecs
from reelmill.ffmpeg.codecs import CODECS, Codec, Quality, VideoEncoder
from reelmill.ffmpeg.commands import concat, filters, segment_muxer, web_copy
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import media_url, probe
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.ffmpeg.verify import Expectation, verify
from reelmill.ffmpeg.verify.expectation import Source
from reelmill.hardware.backends import BACKENDS, SOFTWARE, EncoderChoice, LoadChoice
from reelmill.operations import size_estimates
from reelmill.operations.jobs.reencode import Preset
from reelmill.report import NullReport
from tests.clips import clip

#: One that Reelmill does not ship: MPEG-4 part 2, by ffmpeg's own encoder, whose quality goes from 1 to 31.
_MPEG4: Final = Codec(
    name="mpeg4",
    short="mpeg4",
    title="MPEG-4 part 2",
    encoders=(
        VideoEncoder(
            "mpeg4",
            SOFTWARE,
            presets=dict.fromkeys(get_args(Preset), 1),
            preset_option="b_strategy",
            quality=Quality("q:v", offsets=((18, -14), (28, -18), (51, -20)), lowest=1, highest=31),
        ),
    ),
    bits_a_pixel=0.2,
    in_band="dump_extra=freq=keyframe",
)


@pytest.fixture
def with_mpeg4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "CODECS", (*CODECS, _MPEG4))


def test_every_choice_is_a_back_end() -> None:
    assert get_args(EncoderChoice) == ("auto", *(backend.choice for backend in BACKENDS))
    assert get_args(LoadChoice) == ("auto", *(backend.name for backend in BACKENDS))


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_a_row_is_whole(codec: Codec) -> None:
    assert codec.software.backend == SOFTWARE
    assert len({encoder.backend for encoder in codec.encoders}) == len(codec.encoders)
    for encoder in codec.encoders:
        assert tuple(encoder.presets) == get_args(Preset)
        qualities = [encoder.quality.at(crf) for crf in range(52)]
        assert qualities == sorted(qualities)
        assert codecs.codec_of(encoder.name) is codec
        assert codecs.encoder_named(encoder.name) is encoder
        assert codecs.runs_on_gpu(encoder.name) == (encoder is not codec.software)
    assert codecs.codec_named(codec.name) is codec
    assert codecs.codec_called(codec.short) is codec


def _encoded(source: Path, target: Path, encoding: Encoding) -> int:
    media = ffmpeg.input(media_url(source))["v:0"]
    Transcoder().run(filters.arguments(ffmpeg.output(media, media_url(target), **encoding.options())), NullReport())
    return target.stat().st_size


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_an_encoder_in_software_makes_its_codec_at_the_quality_asked_for(tmp_path: Path, codec: Codec) -> None:
    source = clip(tmp_path / "a.mp4", seconds=0.6, size="320x240", sound=0)
    ways = {
        "good": Encoding(codec.software.name, "ultrafast", 12),
        "poor": Encoding(codec.software.name, "ultrafast", 40),
        "capped": Encoding(codec.software.name, "ultrafast", 12, max_kbit=200),
    }
    sizes = {name: _encoded(source, tmp_path / f"{name}.mkv", way) for name, way in ways.items()}
    assert {probe(tmp_path / f"{name}.mkv").video.codec for name in ways} == {codec.name}
    assert check_whole(tmp_path / "poor.mkv").frames == 15
    assert sizes["poor"] < sizes["good"]
    assert sizes["capped"] < sizes["good"]


@pytest.mark.usefixtures("with_mpeg4")
def test_a_new_row_is_a_new_codec(tmp_path: Path) -> None:
    """Chosen, estimated, encoded whole and in chunks that are joined, and verified."""
    source = clip(tmp_path / "a.mkv", seconds=2)
    info, transcoder = probe(source), Transcoder()
    encoding = Encoding(transcoder.choose_encoder("auto", _MPEG4), crf=20)
    assert encoding.encoder == "mpeg4"
    assert size_estimates.film(info, None, encoding) > size_estimates.film(info, None, Encoding(crf=20))

    whole = tmp_path / "whole.mp4"
    done = transcoder.encode(lambda way: web_copy.reencode(source, info, whole, way), encoding, NullReport())
    assert (done.encoder, done.last.frames) == ("mpeg4", 50)
    verify(whole, Expectation(codec="mpeg4", frames=50, audio_tracks=1, source=Source(source, info)), "whole")

    rate, each, ranges = Fraction(25), 20, segment_muxer.chunk_bounds(50, 20)
    video = ffmpeg.input(media_url(source))["v:0"]
    transcoder.run(segment_muxer.encode_in_chunks(video, ranges, rate, each, tmp_path, encoding), NullReport())
    chunks = [segment_muxer.chunk_path(tmp_path, first, each) for first, _ in ranges]
    delays = [
        segment_muxer.check_chunk(chunk, end - first, chunk.name, _MPEG4)
        for chunk, (first, end) in zip(chunks, ranges, strict=True)
    ]
    joined = tmp_path / "joined.mp4"
    concat.join(chunks, concat.Timing.even(rate, 50), max(delays), joined)
    assert probe(joined).video.codec == "mpeg4"
    report = check_whole(joined)
    assert (report.clean, report.frames) == (True, 50)
