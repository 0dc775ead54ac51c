"""Findings: the sentence of each kind, which is made of its data, and what programs read."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from reelmill.errors import DamagedVideo, EncryptedVideo, FileMissing, InputError, NotAVideo
from reelmill.ffmpeg.finding import Finding, FindingKind, in_words, not_usable

_OPENED: dict[str, Any] = {"text": "a.mp4 is empty (0 bytes)."}

#: An example of each kind, and its sentence.
_SENTENCES: dict[FindingKind, tuple[dict[str, Any], str]] = {
    FindingKind.MISSING: (_OPENED, "a.mp4 is empty (0 bytes)"),
    FindingKind.NOT_A_VIDEO: (_OPENED, "a.mp4 is empty (0 bytes)"),
    FindingKind.ENCRYPTED: (_OPENED, "a.mp4 is empty (0 bytes)"),
    FindingKind.UNREADABLE: (_OPENED, "a.mp4 is empty (0 bytes)"),
    FindingKind.DAMAGED: (
        {"text": "video does not decode at 1.00 s (Invalid data)"},
        "video does not decode at 1.00 s (Invalid data)",
    ),
    FindingKind.NO_FRAMES: ({}, "no frame decodes"),
    FindingKind.DISORDERED: ({}, "its frames go back in time"),
    FindingKind.CUT_SHORT: ({"got": 1.5, "wanted": 2.0}, "it promises 2.0 s and holds 1.5 s"),
    FindingKind.TOO_SHORT: ({"got": 1.5, "wanted": 2.0}, "it holds 1.50 s of the 2.00 s wanted"),
    FindingKind.TOO_LONG: ({"got": 2.5, "wanted": 2.0}, "it holds 2.50 s rather than the 2.00 s wanted"),
    FindingKind.INDEX_AT_END: (
        {},
        "its index stands at the end, so that no player can start before all of it has come",
    ),
    FindingKind.OTHER_BYTES: ({}, "it is not the same as the original"),
    FindingKind.NOTHING: ({}, "it is empty"),
    FindingKind.CODEC: ({"got": "vp9", "wanted": "h264"}, "its codec is vp9, not h264"),
    FindingKind.LEVEL: ({"got": 6.2, "wanted": 5.1}, "its level is 6.2, and browsers play 5.1 at most"),
    FindingKind.PIXEL_FORMAT: ({"got": "yuv444p", "wanted": "yuv420p"}, "its pixels are yuv444p, not yuv420p"),
    FindingKind.SIZE: ({"got": (80, 60), "wanted": (160, 120)}, "it is 80x60, not 160x120"),
    FindingKind.SHAPE: (
        {"got": (80, 60), "wanted": (160, 120), "against_source": True},
        "it is shown as 80x60, the source as 160x120",
    ),
    FindingKind.TOO_SMALL: (
        {"got": (80, 60), "wanted": (160, 120), "against_source": True},
        "it is only 80x60, where the source is 160x120",
    ),
    FindingKind.AUDIO_CODEC: ({"got": ("mp3",), "wanted": "aac"}, "its audio is mp3, not aac"),
    FindingKind.AUDIO_TRACKS: (
        {"got": 1, "wanted": 2, "against_source": True},
        "1 audio tracks where the source has 2",
    ),
    FindingKind.SUBTITLE_TRACKS: (
        {"got": 1, "wanted": 2, "against_source": True},
        "1 text subtitle tracks where the source has 2",
    ),
    FindingKind.SUBTITLE_LANGUAGE: (
        {"got": "fre", "wanted": "ger", "track": 1, "against_source": True},
        "subtitle track 1 is in fre, not ger",
    ),
    FindingKind.SUBTITLE_EMPTY: ({"track": 1}, "subtitle track 1 is empty, the source's is not"),
    FindingKind.SUBTITLE_LINE: (
        {"track": 1, "at": 0.7, "limit": 0.1},
        "subtitle track 1 shows a line at 0.70 s, where the source shows none",
    ),
    FindingKind.CHAPTERS: ({"got": 1, "wanted": 2, "against_source": True}, "1 chapters where the source has 2"),
    FindingKind.CHAPTER_TIME: (
        {"got": 0.5, "wanted": 0.0, "limit": 0.1, "text": "One", "against_source": True},
        "chapter 'One' begins at 0.50 s, in the source at 0.00 s",
    ),
    FindingKind.CHAPTER_TITLE: (
        {"got": "Eins", "wanted": "One", "against_source": True},
        "chapter 'One' of the source is called 'Eins'",
    ),
    FindingKind.FRAME_COUNT: ({"got": 1, "wanted": 2, "against_source": True}, "1 frames where the source has 2"),
    FindingKind.LAST_FRAME: (
        {"got": 2.08, "wanted": 1.96, "limit": 0.041, "against_source": True},
        "its last frame begins after 2.080 s, that of the source after 1.960 s",
    ),
    FindingKind.FRAME_TIME: (
        {"got": 0.12, "limit": 0.041, "at": 1.2},
        "a frame stands 120 ms away from where the source has it, at 1.20 s",
    ),
    FindingKind.NO_KEYFRAME: ({}, "it begins with no keyframe"),
    FindingKind.NO_LOOP: ({}, "it does not loop"),
    FindingKind.BLACK: ({"at": 1.5}, "its frame at 1.5 s is black where the source's is not"),
    FindingKind.PLAIN: ({"at": 1.5}, "its frame at 1.5 s is one plain colour where the source's is not"),
    FindingKind.NEGATIVE: ({"at": 1.5}, "its frame at 1.5 s is the negative of the source's"),
    FindingKind.UPSIDE_DOWN: ({"at": 1.5}, "its frame at 1.5 s is the source's upside down"),
    FindingKind.MIRRORED: ({"at": 1.5}, "its frame at 1.5 s is the source's mirrored"),
    FindingKind.TURNED: ({"at": 1.5}, "its frame at 1.5 s is the source's turned by half"),
    FindingKind.QUARTER_TURNED: ({"at": 1.5}, "its frame at 1.5 s is the source's turned by a quarter"),
    FindingKind.CROPPED: ({"at": 1.5}, "its frame at 1.5 s shows only a part of the source's"),
    FindingKind.SHRUNK: (
        {"at": 1.5},
        "its frame at 1.5 s shows the source's smaller than it, with something around it",
    ),
    FindingKind.SHIFTED: ({"at": 1.5}, "its frame at 1.5 s shows the source's shifted"),
    FindingKind.OTHER_FRAME: ({"at": 1.5}, "its frame at 1.5 s is not the source's"),
    FindingKind.COARSE: ({"at": 1.5}, "its frame at 1.5 s keeps less of the source's detail than a copy should"),
    FindingKind.MISPLACED: (
        {"at": 1.5},
        "around 1.5 s its frames are repeated or in another order than the source's",
    ),
    FindingKind.FIELD_ORDER: (
        {"at": 1.5},
        "around 1.5 s its fields are in another order than the source's: what moves jumps back and forth",
    ),
    FindingKind.COLOURLESS: ({"at": 1.5}, "its frame at 1.5 s has no colour where the source's has"),
    FindingKind.OTHER_COLOURS: ({"at": 1.5}, "its frame at 1.5 s has other colours than the source's"),
    FindingKind.TOO_MUCH_CONTRAST: (
        {"at": 1.5},
        "its frame at 1.5 s has too much contrast: its levels are of full range, and it declares limited",
    ),
    FindingKind.TOO_LITTLE_CONTRAST: (
        {"at": 1.5},
        "its frame at 1.5 s has too little contrast: its levels are of limited range, and it declares full",
    ),
    FindingKind.DARKER: ({"at": 1.5}, "its frame at 1.5 s is much darker than the source's"),
    FindingKind.BRIGHTER: ({"at": 1.5}, "its frame at 1.5 s is much brighter than the source's"),
    FindingKind.OTHER_MATRIX: (
        {"at": 1.5},
        "its frame at 1.5 s has its colours in another matrix than it declares",
    ),
    FindingKind.NO_BT709: ({}, "it does not declare BT.709"),
    FindingKind.HDR_DECLARED: ({"got": "PQ"}, "it declares HDR (PQ), and the source is not HDR"),
    FindingKind.HDR_NOT_MAPPED: ({"got": "HLG"}, "it declares HDR (HLG), and it was to be tone-mapped"),
    FindingKind.HDR_UNDECLARED: (
        {"wanted": "PQ", "against_source": True},
        "the source is HDR (PQ) and it does not declare it",
    ),
    FindingKind.HDR_TRANSFER: (
        {"got": 1, "wanted": 2, "against_source": True},
        "its HDR transfer is declared as 1, the source's is 2",
    ),
    FindingKind.HDR_PRIMARIES: (
        {"got": 1, "wanted": 2, "against_source": True},
        "its HDR primaries is declared as 1, the source's is 2",
    ),
    FindingKind.HDR_MATRIX: (
        {"got": 1, "wanted": 2, "against_source": True},
        "its HDR matrix is declared as 1, the source's is 2",
    ),
    FindingKind.HDR_DEPTH: ({"got": 1, "wanted": 2}, "HDR needs 2 bits and it has 1"),
    FindingKind.SDR_TAGS: (
        {"got": "1/1/9", "wanted": "1/1/1"},
        "it was tone-mapped and does not declare BT.709 (primaries/transfer/matrix 1/1/9, not 1/1/1)",
    ),
    FindingKind.SDR_FORMAT: (
        {"got": "yuv420p10le"},
        "it was tone-mapped and is not 8 bit in limited range (yuv420p10le)",
    ),
    FindingKind.MATRIX: (
        {"got": 1, "wanted": 2, "against_source": True},
        "its colours are declared in another matrix (1) than the source's (2)",
    ),
    FindingKind.WASHED_OUT: (
        {},
        "its pixels are those of the HDR source, not tone-mapped, and it declares standard range: it looks washed out",
    ),
    FindingKind.AUDIO_UNDECODABLE: ({}, "its audio does not decode"),
    FindingKind.AUDIO_BEGIN: ({"got": 0.5, "wanted": 0.0, "limit": 0.1, "track": 1}, "audio track 1 begins 0.50 s in"),
    FindingKind.AUDIO_END: (
        {"got": 1.0, "wanted": 2.0, "limit": 0.1, "track": 1},
        "audio track 1 ends after 1.00 s of 2.00 s",
    ),
    FindingKind.AUDIO_HOLE: (
        {"got": 0.4, "limit": 0.1, "track": 1, "at": 0.8},
        "audio track 1 has a hole of 400 ms at 0.80 s",
    ),
    FindingKind.RETIMED: (
        {"got": 3.0, "at": 1.0},
        "around 1.0 s it shows each of the source's frames too late, by 3 of them",
    ),
    FindingKind.DRIFTING: (
        {"got": 0.48, "limit": 0.1, "at": 9.0},
        "its audio drifts against the video: it is 480 ms late around 9.0 s",
    ),
    FindingKind.OUT_OF_SYNC: ({"got": 0.04, "limit": 0.02, "place": "middle"}, "its audio is 40 ms late in the middle"),
    FindingKind.SILENT: ({}, "its audio is silent throughout, where the source sounds"),
    FindingKind.MUTED: ({"at": 1.5, "until": 3.0}, "its audio is silent from 1.5 to 3.0 s, where the source sounds"),
    FindingKind.OTHER_AUDIO: ({"at": 1.5}, "its audio is not that of the source 1.50 s in, or far off"),
    FindingKind.QUIETER: ({"got": -40.2, "limit": 30.0}, "its audio is 40 dB quieter than the source's"),
    FindingKind.LOUDER: ({"got": 31.0, "limit": 30.0}, "its audio is 31 dB louder than the source's"),
    FindingKind.CLIPPED: ({"at": 1.5}, "its audio is clipped from 1.5 s on: it is too loud for its format"),
    FindingKind.DEAD_CHANNEL: ({"channels": ("left",)}, "its audio has no left channel, where the source's sounds"),
    FindingKind.MUTED_CHANNEL: (
        {"channels": ("left",), "at": 1.5, "until": 3.0},
        "its audio has a silent left channel from 1.5 to 3.0 s, where the source's sounds",
    ),
    FindingKind.SWAPPED_CHANNELS: (
        {"channels": ("left", "right")},
        "its audio has its left and right channels swapped",
    ),
    FindingKind.SOURCE_CUT_SHORT: (
        {"got": 1.5, "wanted": 2.0, "against_source": True},
        "the source is cut short: it promises 2.0 s and holds 1.5 s",
    ),
    FindingKind.SOURCE_DAMAGED: (
        {"text": "damaged frame at 1.00 s"},
        "the source is damaged (damaged frame at 1.00 s), so that frames and times cannot be compared with it",
    ),
    FindingKind.SOURCE_MENDED: ({"text": "its clock jumps"}, "the source is read from a mended copy: its clock jumps"),
    FindingKind.CONSTANT_RATE: (
        {"got": 50, "wanted": 25, "rate": 25.0, "against_source": True},
        "50 frames where the source has 25: its rate was made a constant 25.000 a second",
    ),
}


def _example(kind: FindingKind) -> Finding:
    return Finding(kind, **_SENTENCES[kind][0])


@pytest.mark.parametrize("kind", FindingKind)
def test_a_kind_has_its_sentence(kind: FindingKind) -> None:
    assert _example(kind).sentence == _SENTENCES[kind][1]


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (Finding(FindingKind.BLACK), "its frame is black where the source's is not"),
        (
            Finding(FindingKind.BLACK, at=2.0, frames=3, compared=12),
            "its frame at 2.0 s is black where the source's is not, and 2 more of the 12 compared",
        ),
        (Finding(FindingKind.FRAME_COUNT, 49, 50), "49 frames where 50 were wanted"),
        (Finding(FindingKind.SILENT, track=2), "audio track 2 is silent throughout, where the source sounds"),
        (Finding(FindingKind.OUT_OF_SYNC, -0.05, place="end"), "its audio is 50 ms early at the end"),
        (Finding(FindingKind.AUDIO_CODEC, ("ac3", "mp3"), "aac"), "its audio is ac3 and mp3, not aac"),
    ],
)
def test_a_sentence_follows_the_data(finding: Finding, sentence: str) -> None:
    assert finding.sentence == str(finding) == sentence


def test_several_are_one_line() -> None:
    found = Finding(FindingKind.NO_FRAMES), not_usable(NotAVideo("a.mp4 is empty."))
    assert in_words(found) == "no frame decodes; a.mp4 is empty"


@pytest.mark.parametrize("kind", FindingKind)
def test_programs_read_the_kind_and_what_is_known(kind: FindingKind) -> None:
    finding = _example(kind)
    read = json.loads(json.dumps(finding.to_json()))
    assert (read.pop("kind"), read.pop("sentence")) == (kind.value, finding.sentence)
    assert set(read) == {name for name, value in _SENTENCES[kind][0].items() if value not in ("", ())}
    assert pickle.loads(pickle.dumps(finding)) == finding


def test_nothing_found_is_no_zero() -> None:
    assert Finding(FindingKind.FRAME_COUNT, 0, 50).to_json()["got"] == 0


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileMissing("gone"), FindingKind.MISSING),
        (NotAVideo("text"), FindingKind.NOT_A_VIDEO),
        (EncryptedVideo("locked"), FindingKind.ENCRYPTED),
        (InputError("closed"), FindingKind.UNREADABLE),
        (DamagedVideo("half"), FindingKind.UNREADABLE),
        (ValueError("odd"), FindingKind.DAMAGED),
    ],
)
def test_what_does_not_open_is_a_finding_too(error: Exception, kind: FindingKind) -> None:
    assert not_usable(error) == Finding(kind, text=str(error))
