from __future__ import annotations

import pytest

from reelmill.errors import WrongParameter
from reelmill.ffmpeg.loadtest.scenarios import SCENARIOS, bitrate, scenario_named
from reelmill.ffmpeg.loadtest.sink import Sink, sink
from tests.refusals import refused


def test_the_table_holds_what_was_promised() -> None:
    assert {row.name for row in SCENARIOS} == {
        *("4k60-h264", "4k30-h264", "1080p60-h264", "1080p30-h264", "720p60-h264", "720p30-h264", "480p30-h264"),
        *("4k60-h265", "1080p60-h265", "720p30-vp9", "480p30-vp9", "360p30-vp9", "720p60-vp8", "480p60-vp8"),
    }
    for row in SCENARIOS:
        assert row.name == f"{'4k' if row.height == 2160 else f'{row.height}p'}{row.rate}-{row.codec}"
        least, most = {2160: (10_000, 25_000), 1080: (4_000, 10_000)}.get(row.height, (500, 6_000))
        assert least <= row.kbit <= most, row.name
        assert row.width % 2 == 0


def test_a_row_needs_less_than_the_row_above_it() -> None:
    for codec in ("h264", "h265", "vp8", "vp9"):
        rows = [row for row in SCENARIOS if row.codec == codec]
        assert [row.kbit for row in rows] == sorted((row.kbit for row in rows), reverse=True)


@pytest.mark.parametrize(
    ("name", "size", "rate", "codec"),
    [
        ("4k60-h264", (3840, 2160), 60, "h264"),
        (" 4K60-H264 ", (3840, 2160), 60, "h264"),
        ("480P30-VP9", (854, 480), 30, "vp9"),
        ("120p10-h264", (214, 120), 10, "h264"),
        ("16p1-vp8", (28, 16), 1, "vp8"),
        ("4320p240-h265", (7680, 4320), 240, "h265"),
        ("4k24-vp9", (3840, 2160), 24, "vp9"),
    ],
)
def test_names(name: str, size: tuple[int, int], rate: int, codec: str) -> None:
    found = scenario_named(name)
    assert ((found.width, found.height), found.rate, found.codec) == (size, rate, codec)
    assert found.kbit > 0


@pytest.mark.parametrize(
    "name",
    ["fast", "1080p30-av1", "1080p30", "4k60-h264; rm -rf", "121p30-h264", "14p30-h264", "4322p30-h264", "720p0-h264",
     "720p241-h264", "٧٢٠p30-h264"],
)  # fmt: skip
def test_names_that_are_none(name: str) -> None:
    with refused(WrongParameter, parameter="scenario", value=name):
        scenario_named(name)


def test_a_size_of_ones_own_lies_between_the_rows_beside_it() -> None:
    small, own, large = (scenario_named(name).kbit for name in ("720p30-h264", "900p30-h264", "1080p30-h264"))
    assert small < own < large
    assert scenario_named("2160p60-h264").kbit == scenario_named("4k60-h264").kbit


@pytest.mark.parametrize(
    ("written", "kbit"), [("auto", 6000), ("AUTO", 6000), ("6M", 6000), ("2.5m", 2500), ("800k", 800), ("16K", 16)]
)
def test_bit_rates(written: str, kbit: int) -> None:
    assert bitrate(scenario_named("1080p30-h264"), written) == kbit


@pytest.mark.parametrize("written", ["", "6", "6 M", "-1M", "0k", "15k", "401M", "6Mb", "1e3k", "nan"])
def test_bit_rates_that_are_none(written: str) -> None:
    with refused(WrongParameter, parameter="bitrate", value=written):
        bitrate(scenario_named("1080p30-h264"), written)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("file", "file"),
        ("null", "null"),
        ("rtmp://localhost/live/stream", "rtmp"),
        ("rtmp://127.0.0.1:1935/live/a-b_c.1", "rtmp"),
        ("srt://127.8.9.1:9000?mode=caller&latency=200", "srt"),
        ("srt://[::1]:9000", "srt"),
    ],
)
def test_where_a_load_may_go(written: str, kind: str) -> None:
    found = sink(written, "h264")
    assert found.kind == kind
    assert found == Sink(found.kind, None if kind in ("file", "null") else written)


@pytest.mark.parametrize(
    "written",
    [
        "rtmp://live.example.com/app/key",
        "rtmp://10.0.0.5/live",
        "srt://192.168.1.4:9000",
        "rtmp://localhost.example.com/live",
        "rtmp://127.0.0.1.nip.io/live",
        "srt://[2001:db8::1]:9000",
        "srt://0.0.0.0:9000",
    ],
)
def test_a_load_goes_to_no_other_node(written: str) -> None:
    with refused(WrongParameter, parameter="output", value=written):
        sink(written, "h264")


@pytest.mark.parametrize(
    "written",
    [
        "rtmp://127.0.0.1@example.com/live",
        "rtmp://example.com\\@127.0.0.1/live",
        "rtmp://example.com#@127.0.0.1/live",
        "rtmp://127.0.0.1/live tcUrl=rtmp://example.com/live",
        "rtmp://127.0.0.1/live\n-f",
        "http://127.0.0.1/x",
        "file:///etc/passwd",
        "/tmp/x.mp4",
        "",
    ],
)
def test_an_address_two_programs_could_read_differently_is_none(written: str) -> None:
    with refused(WrongParameter, parameter="output", value=written):
        sink(written, "h264")


def test_a_load_does_not_listen() -> None:
    with refused(WrongParameter, parameter="output"):
        sink("srt://127.0.0.1:9000?mode=listener", "h264")


@pytest.mark.parametrize("codec", ["vp8", "vp9"])
@pytest.mark.parametrize("url", ["rtmp://localhost/live/a", "srt://localhost:9000"])
def test_what_a_sink_cannot_carry(url: str, codec: str) -> None:
    with refused(WrongParameter, parameter="output", value=url):
        sink(url, codec)
