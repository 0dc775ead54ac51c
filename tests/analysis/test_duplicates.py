"""The matcher, over perceptual hashes made up at random: what it must find, and what it must never find."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reelmill.analysis.similarity.duplicates import ContainedClip, Duplicates, agreement, find_duplicates
from reelmill.analysis.similarity.hash_file import HashFile
from reelmill.analysis.similarity.perceptual_hash import NOTHING, Hashes

_seeds = st.integers(0, 2**32 - 1)


def _video(random: np.random.Generator, seconds: int) -> Hashes:
    return random.integers(1, 2**64, seconds, np.uint64)


def _encoded(random: np.random.Generator, hashes: Hashes, bits: int) -> Hashes:
    """The same with ``bits`` of each hash turned over."""
    changed = hashes.copy()
    for second in range(len(changed)):
        for bit in random.choice(64, bits, replace=False):
            changed[second] ^= np.uint64(1) << np.uint64(bit)
    return changed


@settings(max_examples=60)
@given(_seeds, st.integers(5, 120), st.integers(2, 6), st.integers(0, 5))
def test_encodes_of_a_video_are_one_set(seed: int, seconds: int, copies: int, bits: int) -> None:
    random = np.random.default_rng(seed)
    original = _video(random, seconds)
    videos = [_video(random, 50), original, *(_encoded(random, original, bits) for _ in range(copies - 1))]
    order = random.permutation(len(videos))
    found = find_duplicates([videos[place] for place in order])
    same = tuple(sorted(int(place) for place in np.flatnonzero(order > 0)))
    assert found == Duplicates((same,), ())


@settings(max_examples=60)
@given(_seeds, st.integers(40, 300), st.integers(5, 30), st.data(), st.integers(0, 5))
def test_a_clip_is_found_where_it_lies(seed: int, whole: int, length: int, data: st.DataObject, bits: int) -> None:
    random = np.random.default_rng(seed)
    offset = data.draw(st.integers(0, whole - length))
    long = _video(random, whole)
    clip = _encoded(random, long[offset : offset + length], bits)
    for videos, places in (([long, clip], (1, 0)), ([clip, _video(random, 60), long], (0, 2))):
        assert find_duplicates(videos) == Duplicates((), (ContainedClip(*places, offset, 1.0),))


@settings(max_examples=60)
@given(_seeds, st.lists(st.integers(0, 80), max_size=12))
def test_different_videos_match_nothing(seed: int, lengths: list[int]) -> None:
    random = np.random.default_rng(seed)
    assert find_duplicates([_video(random, seconds) for seconds in lengths]) == Duplicates((), ())


@settings(max_examples=40)
@given(_seeds, st.integers(1, 200), st.integers(1, 2))
def test_black_and_a_slide_or_two_prove_nothing(seed: int, seconds: int, slides: int) -> None:
    random = np.random.default_rng(seed)
    black = np.full(seconds, NOTHING, np.uint64)
    deck = np.resize(_video(random, slides), seconds)
    assert find_duplicates(
        [black, black, np.full(500, NOTHING, np.uint64), deck, deck.copy(), np.resize(deck, 400)]
    ) == Duplicates((), ())


@settings(max_examples=40)
@given(_seeds)
def test_the_same_titles_make_no_duplicates(seed: int) -> None:
    random = np.random.default_rng(seed)
    titles = _video(random, 10)
    episodes = [np.concatenate([titles, _video(random, 60)]) for _ in range(6)]
    assert find_duplicates(episodes) == Duplicates((), ())


def test_black_in_between_does_not_hide_a_match() -> None:
    random = np.random.default_rng(5)
    video = _video(random, 30)
    video[10:25] = NOTHING
    assert find_duplicates([video, video[5:30]]).clips == (ContainedClip(1, 0, 5, 1.0),)
    shown = video.copy()
    shown[10:25] = _video(random, 15)
    assert find_duplicates([video, shown]) == Duplicates((), ()), "where one is black and the other is not they differ"


def test_a_clip_of_a_set_is_found_once() -> None:
    random = np.random.default_rng(6)
    video = _video(random, 100)
    copies = [_encoded(random, video, 2) for _ in range(3)]
    clips = [_encoded(random, video[40:52], 2) for _ in range(2)]
    assert find_duplicates([*copies, *clips]) == Duplicates(((0, 1, 2), (3, 4)), (ContainedClip(3, 0, 40, 1.0),))


@settings(max_examples=10)
@given(_seeds, st.integers(20, 200))
def test_what_is_found_does_not_depend_on_how_much_is_held(seed: int, at_once: int) -> None:
    random = np.random.default_rng(seed)
    originals = [_video(random, seconds) for seconds in (40, 60, 30)]
    videos = [*originals, _encoded(random, originals[0], 3), _encoded(random, originals[1][5:25], 3), originals[2]]
    whole = find_duplicates(videos)
    assert (len(whole.sets), len(whole.clips)) == (2, 1)
    with HashFile() as hashes:
        for video in videos:
            hashes.add(video)
        assert find_duplicates(hashes, at_once=at_once) == whole


def test_more_copies_than_a_window_holds() -> None:
    random = np.random.default_rng(7)
    video = _video(random, 20)
    assert find_duplicates([video.copy() for _ in range(60)]).sets == (tuple(range(60)),)


@settings(max_examples=60)
@given(_seeds, st.integers(0, 40), st.integers(0, 40), st.integers(-50, 50))
def test_agreement_is_the_same_from_both_sides(seed: int, one: int, other: int, offset: int) -> None:
    random = np.random.default_rng(seed)
    first, second = _video(random, one), _video(random, other)
    there, back = agreement(first, second, offset), agreement(second, first, -offset)
    assert there.overlap == back.overlap == max(0, min(one, other - offset) - max(0, -offset))
    assert np.isclose(there.apart, back.apart)
    assert 0 <= there.share <= 1
