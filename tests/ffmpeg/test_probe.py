from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from reelmill.errors import EncryptedVideo, FfmpegFailed, FileMissing, InputError, NotAVideo
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.process.run import FfmpegRunner
from reelmill.ffmpeg.reading.containers.matroska_tracks import matroska_tracks
from reelmill.ffmpeg.reading.cropping import Cropping
from reelmill.ffmpeg.reading.probe import probe, track_number
from reelmill.troubles import Flaw
from tests.clips import as_nobody, clip, ffmpeg, overwritten
from tests.ffmpeg.real_clips import REFUSED, rows
from tests.patched import clean_aperture, with_display_matrix
from tests.refusals import refused

#: The table's short names of containers and codecs, where they are not ffmpeg's own.
_CONTAINERS = {"mov/mp4": "mov,mp4,m4a,3gp,3g2,mj2", "matroska/webm": "matroska,webm"}
_CODECS = {"amrnb": "amr_nb", "flv": "flv1", "msmpeg4": "msmpeg4v3"}

#: The table has the first of two video tracks that are both marked as default; ffmpeg, and we, take the larger.
_LARGER = {"nasa_13013.mp4": {"w x h": "480x270", "fps": "29.97", "notes": "[yuv420p; 390 video packets]"}}


@pytest.mark.real_media
@pytest.mark.parametrize("row", rows(), ids=lambda row: row["file"][:40])
def test_real_clip(real_media: Path, row: dict[str, str]) -> None:
    path = real_media / row["file"]
    if row["file"] in REFUSED:
        with refused(NotAVideo, path=str(path), flaw=REFUSED[row["file"]]) as refusal:
            probe(path)
        _names_it(str(refusal.error), row["file"])
        return
    row = row | _LARGER.get(row["file"], {})
    info = probe(path)
    assert info.container == _CONTAINERS.get(row["container"], row["container"])
    assert info.size == int(row["bytes"])
    video = info.video
    assert video.codec == _CODECS.get(row["video codec"], row["video codec"])
    assert f"{video.width}x{video.height}" == row["w x h"]
    assert video.rotation == -int(row["rotation"]) % 360  # the table turns the other way round
    if row["fps"]:
        assert float(video.frame_rate or 0) == pytest.approx(float(row["fps"]), abs=0.0006)
    assert float(info.duration or 0) == pytest.approx(float(row["duration_s"]), abs=0.0006)
    sound = [_CODECS.get(name, name) for name in row["audio codec(s)"].split("+") if name]
    assert list(info.audio_codecs) == sound
    assert info.audio_tracks == int(row["audio tracks"])
    assert len(info.subtitle_codecs) == int(row["subtitle tracks"])
    _same_as_notes(row["notes"], path)


def _same_as_notes(notes: str, path: Path) -> None:
    video = probe(path).video
    facts = [part.strip() for part in notes.partition("[")[2].rstrip("]").split(";")]
    assert video.pixel_format in facts
    hdr = next((fact.removeprefix("HDR ").lower() for fact in facts if fact.startswith("HDR ")), None)
    assert video.hdr == hdr
    aspect = next((fact.removeprefix("SAR ") for fact in facts if fact.startswith("SAR ")), "1:1")
    assert video.sample_aspect == Fraction(aspect.replace(":", "/"))
    if "interlaced" in facts:
        assert video.interlaced
    if "mp4" in probe(path).container and "BROKEN" not in notes:  # others do not count, or count empty packets
        assert f"{video.frames} video packets" in facts


def _names_it(sentence: str, name: str) -> None:
    assert name in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence.replace(name, "")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("plain") / "plain.mp4", options=["-metadata", "title=Plain Title"])


def test_a_generated_clip(plain: Path) -> None:
    info = probe(plain)
    assert (info.title, info.duration, info.size) == ("Plain Title", Fraction(1), plain.stat().st_size)
    assert (info.video.codec, info.video.width, info.video.height, info.video.rotation) == ("h264", 160, 120, 0)
    assert (info.video.frame_rate, info.video.frames, info.video.pixel_format) == (Fraction(25), 25, "yuv420p")
    assert (info.audio_codecs, info.subtitle_codecs, info.video.orientation) == (("aac",), (), "landscape")


@pytest.mark.parametrize("counter_clockwise", [90, 180, 270])
def test_rotation_is_what_ffmpeg_turns_by(plain: Path, tmp_path: Path, counter_clockwise: int) -> None:
    turned, upright = tmp_path / "turned.mp4", tmp_path / "upright.mp4"
    ffmpeg("-display_rotation", str(counter_clockwise), "-i", plain, "-c", "copy", turned)
    ffmpeg("-i", turned, "-c:v", "mpeg4", upright)  # ffmpeg turns the frame itself
    info = probe(turned)
    assert info.video.rotation == 360 - counter_clockwise
    assert info.video.display_size == (probe(upright).video.width, probe(upright).video.height)
    assert info.video.orientation == ("landscape" if counter_clockwise == 180 else "portrait")


def test_pixels_that_are_not_square(plain: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.mkv"
    ffmpeg("-i", plain, "-vf", "setsar=3/2", "-c:v", "mpeg4", wide)
    video = probe(wide).video
    assert (video.sample_aspect, video.display_size) == (Fraction(3, 2), (240, 120))


def test_pixels_that_nothing_makes_are_square(plain: Path, tmp_path: Path) -> None:
    ffmpeg("-i", plain, "-vf", "setsar=1/10", "-c:v", "mpeg4", tmp_path / "thin.mkv")
    video = probe(tmp_path / "thin.mkv").video
    assert (video.sample_aspect, video.display_size) == (Fraction(1, 10), (160, 120))


@pytest.mark.parametrize(
    ("matrix", "rotation", "tilted"),
    [((0, 0, 0, 0), 0, False), ((0, 3, -3, 0), 90, False), ((1, 1, 0, 1), 0, True), ((2, 0, 0, 1), 0, False)],
    ids=["nothing", "larger", "sheared", "wider"],
)
def test_matrices_that_are_no_turn(
    plain: Path, tmp_path: Path, matrix: tuple[int, int, int, int], rotation: int, tilted: bool
) -> None:
    a, b, c, d = (number << 16 for number in matrix)
    video = probe(with_display_matrix(plain, tmp_path / "turned.mp4", a, b, 0, c, d, 0, 0, 0, 1 << 30)).video
    assert (video.rotation, video.mirrored, video.tilted) == (rotation, False, tilted)


@pytest.mark.parametrize(
    "name",
    [
        "two words.mp4",
        'it\'s "quoted".mp4',
        "two\nlines.mp4",
        "🎬 é動.mp4",
        "a:b.mp4",
        "http:x.mp4",
        "100%d %03d.mp4",
        "-i.mp4",
        "--.mp4",
        "a|b;c&d.mp4",
        "[0:v].mp4",
        "no-ending",
    ],
)
def test_any_name_opens(plain: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    shutil.copy(plain, path)
    assert probe(path).video.frames == 25


def test_a_relative_name_with_a_leading_dash(plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(plain, tmp_path / "-y.mp4")
    monkeypatch.chdir(tmp_path)
    assert probe(Path("-y.mp4")).video.frames == 25


def test_a_name_that_is_not_utf8(plain: Path, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    shutil.copy(plain, path)
    assert probe(path).video.frames == 25


def test_metadata_that_is_not_utf8(plain: Path, tmp_path: Path) -> None:
    data = plain.read_bytes()
    assert data.count(b"Plain Title") == 1
    path = tmp_path / "latin.mp4"
    path.write_bytes(data.replace(b"Plain Title", b"Caf\xe9 Titl\xff"))
    info = probe(path)
    assert info.video.frames == 25
    (info.title or "").encode()


def test_a_title_with_nul_inside(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "nul.mp4"
    path.write_bytes(plain.read_bytes().replace(b"Plain Title", b"Plain\0\0\0\0\0\0"))
    assert probe(path).title == "Plain"


def test_a_blank_title_is_none(plain: Path, tmp_path: Path) -> None:
    ffmpeg("-i", plain, "-c", "copy", "-metadata", "title=   ", tmp_path / "blank.mp4")
    assert probe(tmp_path / "blank.mp4").title is None


def test_encrypted(plain: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked.mp4"
    ffmpeg(
        *("-i", plain, "-c", "copy", "-encryption_scheme", "cenc-aes-ctr"),
        *("-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8"),
        locked,
    )
    with pytest.raises(EncryptedVideo) as refusal:
        probe(locked)
    _names_it(str(refusal.value), "locked.mp4")


def test_damaged_is_not_called_encrypted(plain: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    ffmpeg("-i", plain, "-c", "copy", "-movflags", "+faststart", source)
    start = source.read_bytes().find(b"mdat")
    bad = overwritten(source, tmp_path / "bad.mp4", at=(start + 8) / source.stat().st_size, count=3000)
    assert probe(bad).video.codec == "h264"


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with refused(NotAVideo, path=str(tmp_path / "empty.mp4"), flaw=Flaw.EMPTY):
        probe(tmp_path / "empty.mp4")


@pytest.mark.parametrize("content", [b"hello\n" * 200, b"<html><body>404</body></html>", b"\0" * 5000, b"\xff" * 100])
def test_what_is_not_a_video_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "not.mp4"
    path.write_bytes(content)
    with pytest.raises(NotAVideo) as refusal:
        probe(path)
    _names_it(str(refusal.value), "not.mp4")


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    with refused(NotAVideo, path=str(tmp_path / "folder.mp4"), flaw=Flaw.FOLDER):
        probe(tmp_path / "folder.mp4")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with refused(NotAVideo, path=str(tmp_path / "pipe.mp4")):
        probe(tmp_path / "pipe.mp4")


def test_missing(tmp_path: Path, plain: Path) -> None:
    long = tmp_path / ("x" * 300 + ".mp4")
    for path in (tmp_path / "gone.mp4", plain / "inside-a-file.mp4", long):
        flaw = Flaw.NAME_TOO_LONG if path == long else Flaw.ABSENT
        with refused(FileMissing, path=str(path), flaw=flaw) as refusal:
            probe(path)
        assert path.name[:20] in str(refusal.error)


def test_unreadable(plain: Path, open_folder: Path) -> None:
    path = open_folder / "closed.mp4"
    shutil.copy(plain, path)
    path.chmod(0)
    with as_nobody(), refused(InputError, path=str(path), flaw=Flaw.FORBIDDEN):
        probe(path)


def test_audio_only(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", path)
    with refused(NotAVideo, path=str(path), flaw=Flaw.AUDIO_ONLY):
        probe(path)


def test_a_song_with_a_cover_is_audio_only(plain: Path, tmp_path: Path) -> None:
    path, cover = tmp_path / "song.mp4", tmp_path / "cover.jpg"
    ffmpeg("-i", plain, "-frames:v", "1", cover)
    ffmpeg(
        *("-f", "lavfi", "-i", "sine=duration=0.2", "-i", cover, "-map", "0", "-map", "1"),
        *("-c:v", "mjpeg", "-disposition:v", "attached_pic", path),
    )
    with refused(NotAVideo, path=str(path), flaw=Flaw.AUDIO_ONLY):
        probe(path)


@pytest.mark.parametrize("kind", ["jpg", "png", "bmp", "webp"])
def test_a_renamed_image(plain: Path, tmp_path: Path, kind: str) -> None:
    picture = tmp_path / f"picture.{kind}"
    ffmpeg("-i", plain, "-frames:v", "1", picture)
    renamed = picture.rename(tmp_path / f"{kind}.mp4")
    with pytest.raises(NotAVideo) as refusal:
        probe(renamed)
    _names_it(str(refusal.value), f"{kind}.mp4")


def test_renamed_subtitles(tmp_path: Path) -> None:
    path = tmp_path / "words.mp4"
    path.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    with refused(NotAVideo, path=str(path)):
        probe(path)


def test_the_first_video_track_counts_and_not_the_cover(plain: Path, tmp_path: Path) -> None:
    cover, path = tmp_path / "cover.jpg", tmp_path / "with-cover.mp4"
    ffmpeg("-i", plain, "-frames:v", "1", "-vf", "scale=64:64", cover)
    ffmpeg(
        *("-i", cover, "-i", plain, "-map", "0", "-map", "1"),
        *("-c", "copy", "-disposition:v:0", "attached_pic", "-disposition:v:1", "default", path),
    )
    info = probe(path)
    assert (info.video.codec, info.video.width) == ("h264", 160)
    assert (info.video.number, track_number(path)) == (0, 0)


def test_the_larger_of_two_default_tracks_is_known_by_its_number(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    large = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=0.2")
    ffmpeg("-i", plain, *large, "-map", "0:v", "-map", "1", "-disposition:v", "default", path)
    track = probe(path).video
    assert (track.width, track.number, track_number(path)) == (320, 1, 1)


def test_audio_and_subtitles_are_counted(tmp_path: Path) -> None:
    words, path = tmp_path / "words.srt", tmp_path / "many.mkv"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    source = clip(tmp_path / "two.mkv", seconds=0.2, sound=2)
    ffmpeg(*("-i", source, "-i", words, "-i", words, "-map", "0", "-map", "1", "-map", "2"), *("-c", "copy", path))
    info = probe(path)
    assert (info.audio_tracks, info.subtitle_codecs) == (2, ("subrip", "subrip"))


def test_a_rotation_that_only_the_stream_has(plain: Path, tmp_path: Path) -> None:
    turned = "h264_metadata=display_orientation=insert:rotate=90"  # in an SEI message (ITU-T H.264, D.1.27)
    ffmpeg("-i", plain, "-an", "-c", "copy", "-bsf:v", turned, tmp_path / "turned.ts")
    ffmpeg("-i", tmp_path / "turned.ts", "-c:v", "mpeg4", tmp_path / "upright.mp4")
    video = probe(tmp_path / "turned.ts").video
    assert video.rotation == 270
    assert video.display_size == probe(tmp_path / "upright.mp4").video.display_size == (120, 160)


def test_what_a_matroska_crops_is_not_shown(plain: Path, tmp_path: Path) -> None:
    ffmpeg("-i", clean_aperture(plain, tmp_path / "a.mp4", 140, 100), "-c", "copy", tmp_path / "a.mkv")
    for name in ("a.mp4", "a.mkv"):
        video = probe(tmp_path / name).video
        assert (video.display_size, video.cropping) == ((140, 100), Cropping(10, 10, 10, 10))
    data = (tmp_path / "a.mkv").read_bytes()
    for keep in (40, 200, data.index(b"\xae") + 3):  # headers cut off anywhere are no more than cut off
        (tmp_path / "cut.mkv").write_bytes(data[:keep])
        matroska_tracks(tmp_path / "cut.mkv")


def test_fields_that_only_the_first_frame_knows_of(tmp_path: Path) -> None:
    pattern = ("-f", "lavfi", "-i", "testsrc2=size=720x480:rate=60000/1001:duration=0.1")
    coded = ("-c:v", "dvvideo", "-pix_fmt", "yuv411p")
    ffmpeg(*pattern, "-vf", "interlace,setfield=bff", *coded, tmp_path / "fields.avi")
    assert probe(tmp_path / "fields.avi").video.interlaced


_PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile secret.ts\n",
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\nsecret.ts\n#EXT-X-ENDLIST\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
}


@pytest.mark.parametrize(
    ("kind", "ending"), [("ffconcat", "mp4"), ("ffconcat", "txt"), ("m3u8", "m3u8"), ("sdp", "mp4")]
)
def test_a_text_that_names_other_files_reads_none_of_them(tmp_path: Path, kind: str, ending: str) -> None:
    clip(tmp_path / "secret.ts")
    playlist = tmp_path / f"film.{ending}"
    playlist.write_text(_PLAYLISTS[kind])
    with refused(NotAVideo, path=str(playlist), flaw=Flaw.PLAYLIST) as refusal:
        probe(playlist)
    _names_it(str(refusal.error), playlist.name)
    with pytest.raises(FfmpegFailed):  # nor does a command, which may come upon it hours after it was probed
        FfmpegRunner(find_ffmpeg()).run(["-i", f"file:{playlist}", "-f", "null", "-"])


def test_a_playlist_that_libav_itself_does_not_believe_is_no_video(tmp_path: Path) -> None:
    clip(tmp_path / "secret.ts")
    playlist = tmp_path / "film.mp4"
    playlist.write_text(_PLAYLISTS["m3u8"])
    with refused(NotAVideo):
        probe(playlist)


def test_an_image_whose_name_looks_like_a_series_is_that_image_alone(tmp_path: Path) -> None:
    for name in ("%d.png", "1.png"):
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=1:duration=1", "-update", "1", tmp_path / "image.png")
        shutil.copy(tmp_path / "image.png", tmp_path / name)
    (tmp_path / "1.png").write_bytes(b"")  # the first of the series
    with refused(NotAVideo, flaw=Flaw.IMAGE):
        probe(tmp_path / "%d.png")
