"""Perceptual hashes of real encodes: the same through every re-encode, different for different videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelmill.analysis.similarity.duplicates import Duplicates, agreement, find_duplicates
from reelmill.analysis.similarity.perceptual_hash import NOTHING, Hashes, distances, hash_video, hashes
from tests.clips import cut_off, ffmpeg

_MOVING = "mandelbrot=s=320x180:r=25:start_scale=0.6:end_scale=0.02:end_pts=500,hue=H=0.4*t,trim=duration=20"
_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of a zoom into a fractal."""
    path = tmp_path_factory.mktemp("moving") / "moving.mp4"
    ffmpeg("-f", "lavfi", "-i", _MOVING, *_X264, path)
    return path


@pytest.fixture(scope="module")
def taken(moving: Path) -> Hashes:
    return hash_video(moving)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("small.mkv", ("-vf", "scale=160:90", *_X264, "-crf", "38")),
        ("slow.mp4", ("-r", "12", *_X264, "-g", "250")),
        ("bright.ts", ("-vf", "eq=brightness=0.1:contrast=0.9", *_X264)),
        ("boxed.avi", ("-vf", "pad=320:240:0:30", "-c:v", "mpeg4", "-q:v", "12")),
        ("pillars.mp4", ("-vf", "pad=480:180:80:0", *_X264)),
        ("stretched.mpg", ("-vf", "scale=360:288,setsar=64/45", "-c:v", "mpeg2video", "-q:v", "8")),
        ("vp8.webm", ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k")),
    ],
)
def test_an_encode_looks_the_same(
    moving: Path, taken: Hashes, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    ffmpeg("-i", moving, "-an", *options, tmp_path / name)
    encoded = hash_video(tmp_path / name)
    assert abs(len(encoded) - 20) <= 1
    assert agreement(taken, encoded, 0).apart < 8
    assert find_duplicates([taken, encoded]).sets == ((0, 1),)


def test_a_turned_copy_stored_upright_looks_the_same(moving: Path, taken: Hashes, tmp_path: Path) -> None:
    sideways, turned = tmp_path / "sideways.mp4", tmp_path / "turned.mp4"
    ffmpeg("-i", moving, "-vf", "transpose=clock", *_X264, sideways)
    ffmpeg("-display_rotation:v:0", "90", "-i", sideways, "-c", "copy", turned)  # played 90 degrees back
    assert find_duplicates([taken, hash_video(turned)]).sets == ((0, 1),)
    assert find_duplicates([taken, hash_video(sideways)]) == Duplicates((), ())


@pytest.mark.parametrize("start", [0.0, 3.0, 7.5, 14.9])
def test_five_seconds_are_found_inside(moving: Path, taken: Hashes, tmp_path: Path, start: float) -> None:
    path = tmp_path / "clip.mp4"
    ffmpeg("-ss", str(start), "-t", "5", "-i", moving, "-vf", "scale=240:-2", *_X264, path)
    (clip,) = find_duplicates([taken, hash_video(path)]).clips
    assert (clip.clip, clip.whole) == (1, 0)
    assert abs(clip.offset - start) <= 1


def test_different_videos_do_not_match(taken: Hashes, tmp_path: Path) -> None:
    drawn = {
        "pattern": "testsrc=s=320x180:d=12",
        "other pattern": "testsrc2=s=320x180:d=12",
        "bars": "smptebars=s=320x180:d=12",
        "black": "color=black:s=320x180:d=12",
        "black with grain": "color=black:s=320x180:d=30,noise=alls=8:allf=t:all_seed=1",
        "white": "color=white:s=320x180:d=12",
        "life": "life=s=320x180:r=10:mold=25:seed=3:ratio=0.3,trim=duration=12,scale=160:90",
        "slide": "smptehdbars=s=320x180:d=30",
        "same slide, longer": "smptehdbars=s=320x180:d=60",
    }
    all_hashes = [taken]
    for name, source in drawn.items():
        ffmpeg("-f", "lavfi", "-i", source, *_X264, tmp_path / f"{name}.mp4")
        all_hashes.append(hash_video(tmp_path / f"{name}.mp4"))
    assert find_duplicates(all_hashes) == Duplicates((), ())
    assert not all_hashes[4].any()
    assert not all_hashes[5].any()


def test_planes() -> None:
    random = np.random.default_rng(1)
    coarse = random.integers(0, 256, (6, 8, 8))
    planes = np.kron(coarse, np.ones((1, 8, 8), int)).astype(np.uint8)
    plain = hashes(planes)
    assert (distances(plain, hashes((planes // 2 + 60).astype(np.uint8))) <= 2).all()
    assert (distances(plain[1:], plain[:-1]) > 16).all()
    planes[2] = 90
    assert list(hashes(planes) == NOTHING) == [False, False, True, False, False, False]


def test_files_that_are_damaged_or_empty(moving: Path, taken: Hashes, tmp_path: Path) -> None:
    ffmpeg("-i", moving, "-c", "copy", "-movflags", "faststart", tmp_path / "front.mp4")
    fragment = hash_video(cut_off(tmp_path / "front.mp4", tmp_path / "cut.mp4", keep=0.5))
    assert 3 < len(fragment) < 20
    assert agreement(taken, fragment, 0).share == 1
    ffmpeg("-i", moving, "-frames:v", "1", *_X264, tmp_path / "one.mp4")
    assert len(hash_video(tmp_path / "one.mp4")) == 1


@pytest.mark.real_media
def test_real_files(real_media: Path, tmp_path: Path) -> None:
    names = ("friday.mp4", "flower.mp4", "chaplin.mp4", "dog_eating.mp4", "flipping_a_pancake.mkv", "nasa_13013.mp4",
             "bbb_trailer_360p.webm", "bottle-detection.mp4", "scene-change.mov", "man-on-green-screen.mp4",
             "multi_audio_subs.mkv", "cuts/open_mixed.mp4", "cuts/open_hard.mp4", "theora_vorbis.ogv")  # fmt: skip
    originals = [hash_video(real_media / name) for name in names]
    assert find_duplicates(originals).sets == ()
    again = ("bbb_trailer_360p.webm", "cuts/open_mixed.mp4", "man-on-green-screen.mp4", "dog_eating.mp4")
    for number, name in enumerate(again):
        copy, fragment = tmp_path / f"{number}.mkv", tmp_path / f"{number}.mp4"
        ffmpeg("-i", real_media / name, "-an", "-vf", "fps=15,scale=320:-2", *_X264, "-crf", "34", copy)
        originals.append(hash_video(copy))
        ffmpeg("-ss", "4", "-t", "5", "-i", real_media / name, "-an", "-vf", "scale=240:-2", *_X264, fragment)
        originals.append(hash_video(fragment))
    found = find_duplicates(originals)
    wanted = {names.index(name): len(names) + 2 * number for number, name in enumerate(again)}
    assert set(found.sets) == set(wanted.items())
    offsets = {(clip.clip, clip.whole): clip.offset for clip in found.clips}
    for original, copy_place in wanted.items():
        assert abs(offsets[copy_place + 1, original] - 4) <= 1
