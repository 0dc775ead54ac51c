from __future__ import annotations

from typing import Any

import pytest

from flows.compile_gif import compile_gif
from flows.compile_quad import compile_quad
from flows.reencode import reencode
from flows.scenario import scenario
from reelmill.errors import UserError
from reelmill.queue.parameter_text import parse_parameters

FLOWS: dict[str, Any] = {flow.name: flow for flow in (reencode, compile_quad, compile_gif, scenario)}


def _parsed(job_type: str, *texts: str) -> dict[str, Any]:
    return parse_parameters(job_type, texts, FLOWS[job_type].parameters.model_dump())


@pytest.mark.parametrize(
    ("job_type", "text", "value"),
    [
        ("reencode", "crf=20", 20),
        ("reencode", "vmaf=yes", True),
        ("reencode", "force=False", False),
        ("reencode", "preset=SLOW", "slow"),
        ("compile_gif", "duration=2.5", 2.5),
        ("compile_gif", "start=1m30s", 90.0),
        ("compile_gif", "start=1:02:03.5", 3723.5),
        ("compile_gif", "duration=500ms", 0.5),
        ("scenario", "duration=1h", 3600.0),
        ("scenario", "output=rtmp://host/a=b", "rtmp://host/a=b"),
        ("compile_quad", "video_ids=a,b, c,d", ["a", "b", "c", "d"]),
        ("compile_quad", 'video_ids=["a,1","b","c","d"]', ["a,1", "b", "c", "d"]),
        ("compile_quad", "seed=none", None),
        ("compile_quad", "seed=-4", -4),
        ("compile_quad", "audio=mix", "mix"),
        ("compile_quad", "audio=3", 3),
    ],
)
def test_a_text_becomes_what_its_flow_takes(job_type: str, text: str, value: Any) -> None:
    (found,) = _parsed(job_type, text).values()
    assert (found, type(found)) == (value, type(value))


def test_a_key_that_is_repeated_makes_a_list() -> None:
    assert _parsed("compile_quad", *(f"video_ids={one}" for one in "abcd")) == {"video_ids": list("abcd")}


@pytest.mark.parametrize(
    ("job_type", "text", "sentence"),
    [
        ("reencode", "crf=99", "crf=99: reencode takes a whole number from 0 to 51 for crf."),
        ("reencode", "crf=2.5", "crf=2.5: reencode takes a whole number from 0 to 51 for crf."),
        ("reencode", "vmaf=maybe", "vmaf=maybe: reencode takes true or false for vmaf."),
        ("scenario", "engine=steam", "engine=steam: scenario takes one of auto, ffmpeg, gstreamer for engine."),
        (
            "compile_gif",
            "duration=61s",
            "duration=61s: compile_gif takes a number of at most 60 and above 0 for duration.",
        ),
        ("compile_gif", "max_mb=5m", "max_mb=5m: compile_gif takes a number of at most 200 and above 0 for max_mb."),
        (
            "compile_gif",
            "duration=nan",
            "duration=nan: compile_gif takes a number of at most 60 and above 0 for duration.",
        ),
        (
            "compile_quad",
            "video_ids=a,b",
            "video_ids=a,b: compile_quad takes a list of 4 texts, with commas between them, or none for video_ids.",
        ),
        ("reencode", "crf=1__0", "crf=1__0: reencode takes a whole number from 0 to 51 for crf."),
        ("reencode", "crf=", "crf=: reencode takes a whole number from 0 to 51 for crf."),
        ("reencode", "crf", "'crf' is no parameter; write it as name=value."),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(job_type: str, text: str, sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        _parsed(job_type, text)
    assert str(refused.value) == sentence


def test_a_misspelt_name_is_guessed() -> None:
    with pytest.raises(UserError) as refused:
        _parsed("reencode", "crff=20")
    assert "did you mean crf?" in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(("integer", text) for text in ("1_", "9" * 5000, "9" * 30, "-" + "9" * 30, "nan", "")),
        *(("number", text) for text in ("9" * 400, "9" * 400 + "h", "9" * 5000 + ":00:01", "inf", "1e999", "")),
        *(("object", text) for text in ('{"a": NaN}', '{"a": 1e999}', '{"a":' * 100_000, "")),
    ],
)
def test_a_number_that_no_server_holds_is_refused(kind: str, text: str) -> None:
    schema = {"properties": {"x": {"type": kind, "description": "Seconds."}}}
    with pytest.raises(UserError):
        parse_parameters("validate", [f"x={text}"], schema)
