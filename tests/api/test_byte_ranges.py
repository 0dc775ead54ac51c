from __future__ import annotations

import pytest

from reelmill.api.byte_ranges import ByteRange, NotSatisfiable, requested_range
from tests.refusals import refused


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-", ByteRange(0, 1000)),
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=999-", ByteRange(999, 1000)),
        ("bytes=200-299", ByteRange(200, 300)),
        ("bytes=200-5000", ByteRange(200, 1000)),
        ("BYTES= 200-299 ", ByteRange(200, 300)),
        ("bytes=-1", ByteRange(999, 1000)),
        ("bytes=-5000", ByteRange(0, 1000)),
        (f"bytes=0-{10**39}", ByteRange(0, 1000)),
    ],
)
def test_one_range_is_cut_to_the_file(header: str, wanted: ByteRange) -> None:
    assert requested_range(header, 1000) == wanted


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "seconds=0-1", "bytes=0-1,5-6", "bytes=0-1, -5",
     "bytes=+1-2", "bytes=1_0-20", "bytes=١-٢", f"bytes={'9' * 5000}-", "bytes=0x1-0x2"],
)  # fmt: skip
def test_what_is_no_single_range_means_the_whole_file(header: str | None) -> None:
    assert requested_range(header, 1000) is None


@pytest.mark.parametrize(("header", "size"), [("bytes=1000-", 1000), ("bytes=5000-6000", 1000), ("bytes=-0", 1000)])
def test_a_range_without_a_byte_of_the_file_is_refused(header: str, size: int) -> None:
    with refused(NotSatisfiable):
        requested_range(header, size)


def test_an_empty_file_has_no_first_byte_and_an_empty_end() -> None:
    with refused(NotSatisfiable):
        requested_range("bytes=0-", 0)
    assert requested_range("bytes=-5", 0) is None
