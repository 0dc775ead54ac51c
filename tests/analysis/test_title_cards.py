"""Title cards and what looks like them, drawn, coded by x264 and measured as any video is."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reelmill.analysis.frames.time_ranges import TimeRange
from reelmill.analysis.scenes.transitions import Scene
from reelmill.analysis.scoring.scoring import explain, scores
from reelmill.analysis.scoring.selection import ScoredVideo, best_segments
from reelmill.analysis.scoring.signals import Signals, measure

WIDTH, HEIGHT, RATE, SECONDS = 320, 180, 5, 4
Frame = NDArray[np.uint8]
Draw = Callable[[float], Frame]  # seconds since the shot began

_NOISE: Final = np.random.default_rng(7).normal(0, 3, (HEIGHT, WIDTH, 1))


def _plain(*colour: int) -> Frame:
    return np.full((HEIGHT, WIDTH, 3), colour, np.uint8)


def _text(frame: Frame, words: str, x: int, y: int, colour: tuple[int, int, int], size: float = 0.8) -> Frame:
    cv2.putText(frame, words, (x, y), cv2.FONT_HERSHEY_DUPLEX, size, colour, 1 + int(size), cv2.LINE_AA)
    return frame


def _shaded(frame: NDArray[np.floating]) -> Frame:
    """As a camera sees it: with noise."""
    return np.asarray(np.clip(frame + _NOISE, 0, 255), np.uint8)


def title(at: float) -> Frame:
    """Two lines of blue on white that grow slowly."""
    size = 0.8 + at / 40
    return _text(
        _text(_plain(252, 252, 252), "ONE BIG RABBIT", 40, 80, (190, 130, 20), size),
        "presents",
        100,
        110,
        (190, 130, 20),
        size,
    )


def small_title(_at: float) -> Frame:
    """One word, white on black."""
    return _text(_plain(0, 0, 0), "Later", 130, 95, (255, 255, 255), 0.7)


def credits_roll(at: float) -> Frame:
    """Two columns of names, white on black, that move up."""
    frame = _plain(0, 0, 0)
    for line in range(30):
        y = int(20 * line - 40 * at)
        _text(_text(frame, "best boy grip", 20, y, (180, 180, 180), 0.4), "Ada Lovelace", 180, y, (255, 255, 255), 0.4)
    return frame


def leader(_at: float) -> Frame:
    """Black."""
    return _plain(0, 0, 0)


def blank(_at: float) -> Frame:
    """One colour."""
    return _plain(40, 60, 200)


def talking_head(at: float) -> Frame:
    """A head that moves a little before an evenly lit wall."""
    frame = _plain(205, 210, 214).astype(np.float64)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = 110 + 80 * (x - 120) / 80 - 30 * (y - 60) / 60
    head = ((x - 160 - 4 * np.sin(3 * at)) / 34) ** 2 + ((y - 80 - 2 * np.sin(5 * at)) / 46) ** 2 < 1
    body = ((x - 160) / 90) ** 2 + ((y - 190) / 62) ** 2 < 1
    frame[body] = np.stack([light * 0.5, light * 0.3, light * 0.3], -1)[body]
    frame[head] = np.stack([light * 0.7, light * 0.85, light], -1)[head]
    for eye in (148, 174):
        frame[70:75, eye - 4 : eye + 4] = 30
    frame[100 : 104 + int(3 * abs(np.sin(6 * at))), 150:172] = 40
    return np.asarray(np.clip(frame, 0, 255), np.uint8)


def snow(at: float) -> Frame:
    """A white slope in the sun with somebody who skis down, and three trees."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    slope = 225 + 25 * np.sin(x / 60 + y / 90) - 0.1 * y
    frame = np.repeat(slope[..., None], 3, axis=2)
    for tree in (40, 70, 260):
        frame[40:90, tree : tree + 6] = (40, 50, 60)
    skier = int(60 + 40 * at)
    frame[skier // 2 + 40 : skier // 2 + 60, skier : skier + 8] = (40, 40, 200)
    return _shaded(frame)


def night(at: float) -> Frame:
    """A dark street: three lamps with their glow, and the lights of a car that comes nearer."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = 6 + 10 * y / HEIGHT
    for lamp in (60, 160, 260):
        light = light + 200 * np.exp(-(((x - lamp) / 18) ** 2) - ((y - 40) / 18) ** 2)
    for side in (-1, 1):
        light = light + 240 * np.exp(-(((x - 160 - side * (8 + 6 * at)) / 7) ** 2) - ((y - 130) / 7) ** 2)
    return _shaded(light[..., None] * np.array([0.6, 0.85, 1.0]))


def _film(path: Path, *shots: Draw) -> Path:
    """Each shot for ``SECONDS``, as H.264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", RATE, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        stream.options = {"crf": "26", "preset": "veryfast"}
        for shot in shots:
            for number in range(SECONDS * RATE):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shot(number / RATE), format="bgr24")))
        container.mux(stream.encode())
    return path


def _measured(path: Path, shots: int) -> Signals:
    return measure(TimeRange(str(path), 0, SECONDS * shots))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Signals:
    """A shot between title cards."""
    order = (leader, title, talking_head, small_title, snow, blank, night, credits_roll)
    return _measured(_film(tmp_path_factory.mktemp("cards") / "film.mp4", *order), len(order))


def _seconds(number: int) -> slice:
    return slice(SECONDS * number, SECONDS * (number + 1))


def test_title_cards_are_distinguished_from_shots(mixed: Signals) -> None:
    for number in (0, 1, 3, 5, 7):
        assert mixed.title_card[_seconds(number)].min() > 0.8
    for number in (2, 4, 6):
        assert mixed.title_card[_seconds(number)].max() < 0.1


def test_a_shot_is_worth_more_than_a_title_card(mixed: Signals) -> None:
    worth = scores(mixed)
    shots = [worth[_seconds(number)].mean() for number in (2, 4, 6)]
    cards = [worth[_seconds(number)].mean() for number in (0, 1, 3, 5, 7)]
    assert min(shots) > max(cards)


def test_a_digest_shows_shots(mixed: Signals) -> None:
    scenes = [Scene(Fraction(4 * number), Fraction(4 * number + 4)) for number in range(8)]
    video = ScoredVideo(scenes, scores(mixed), Fraction(32), explain(mixed), mixed.looks)
    shown = {int(edge) // 4 for s in best_segments(video, Fraction(8)) for edge in (s.start, s.end - Fraction(1, 25))}
    assert shown == {2, 4, 6}


def test_of_nothing_but_title_cards_there_is_a_digest_all_the_same(tmp_path: Path) -> None:
    signals = _measured(_film(tmp_path / "slides.mp4", title, small_title, title, blank), 4)
    assert signals.title_card.min() > 0.8
    scenes = [Scene(Fraction(4 * number), Fraction(4 * number + 4)) for number in range(4)]
    video = ScoredVideo(scenes, scores(signals), Fraction(16), explain(signals), signals.looks)
    chosen = best_segments(video, Fraction(6))
    assert sum(segment.length for segment in chosen) == 6
    assert all(segment.score > 0 for segment in chosen)
