"""Result cards as text: aligned lines for a log, markdown that shows names as they are, a hundred items at most."""

from __future__ import annotations

from reelmill.ffmpeg.process.cost import Cost
from reelmill.operations.file_facts import FileFacts
from reelmill.operations.result_card import ItemTable, ResultCard, ResultImage, chunk_rows, cost_rows
from reelmill.operations.web_copies.result import ReencodeResult

_COST = Cost(
    seconds=41.6, cpu_seconds=80.04, speed=3.12, bytes_in=84_100_000, bytes_out=31_000_000, joules=312.4,
    joules_source="RAPL package-0", vmaf=95.27,
)  # fmt: skip
_RESULT = ReencodeResult(
    video_id="00000000-0000-4000-8000-000000000000", path="playback/chaplin.mp4", source="library/videos/chaplin.avi",
    encoder="libx264", reused=False, duration=130, seconds=42, speed=3.12, cpu_seconds=80.04, chunks=5,
    chunks_reused=2, frames_encoded=1950, source_size=84_100_000, size=31_000_000, cost=_COST,
    left_out=("video track 2 (mjpeg) is left out: it is a cover",),
    before=FileFacts(
        path="library/videos/chaplin.avi", size=84_100_000, duration=130, codec="mpeg4", width=720, height=576
    ),
    after=FileFacts(path="playback/chaplin.mp4", size=31_000_000, duration=130, codec="h264", width=768, height=576),
)  # fmt: skip


def test_a_web_copy_before_and_after() -> None:
    assert list(_RESULT.result_card().lines()) == [
        "chaplin.avi was re-encoded: 84 MB became 31 MB in 42 s (3.1x)",
        "  before    library/videos/chaplin.avi, 84 MB, mpeg4 720x576, 2:10",
        "  after     playback/chaplin.mp4, 31 MB, h264 768x576, 2:10",
        "  encoder   libx264",
        "  time      42 s",
        "  encoding  42 s, 3.1x",
        "  CPU       80.0 s",
        "  energy    312 J of the whole node (RAPL package-0)",
        "  VMAF      95.3",
        "  chunks    5 chunks, 2 of them made by an earlier run",
        "  - video track 2 (mjpeg) is left out: it is a cover",
    ]


def test_a_web_copy_that_was_not_made() -> None:
    skipped = _RESULT.model_copy(update={"skipped": "already web-ready", "left_out": ()}).result_card()
    assert next(skipped.lines()) == "chaplin.avi was left as it is: already web-ready"
    assert [name for name, _ in skipped.rows] == ["before"]
    reused = _RESULT.model_copy(update={"reused": True, "size": 90_000_000}).result_card()
    assert reused.title == "chaplin.avi has its copy already: 84 MB became 90 MB, playback/chaplin.mp4"
    assert reused.notes[:2] == (
        "an earlier run had made it and it is still good", "the copy is 5.9 MB larger than its source",
    )  # fmt: skip
    larger = _RESULT.model_copy(update={"size": 90_000_000, "because": "its video is mpeg4, not H.264"}).result_card()
    assert larger.notes[0] == "the copy is 5.9 MB larger, because its video is mpeg4, not H.264"
    old = _RESULT.model_dump(exclude={"before", "after", "left_out"}) | {"encoder": "copy"}
    read = ReencodeResult.model_validate(old).result_card()  # a result of before these were kept
    assert read.title == "chaplin.avi was put into an mp4 without encoding: 84 MB became 31 MB in 42 s"
    assert read.rows[0] == ("before", "library/videos/chaplin.avi, 84 MB")


def test_what_was_not_measured_has_no_row() -> None:
    assert cost_rows(None) == chunk_rows(1, 1) == ()
    unknown = _COST.model_copy(update={"joules": None, "vmaf": None})
    assert [name for name, _ in cost_rows(unknown)] == ["encoding", "CPU"]


def test_names_are_shown_as_they_are_and_images_where_they_can_be_drawn() -> None:
    shown = ResultCard(
        "a_b|c*.mp4 was made", (("made", "<a>"),), ("[x]",), ItemTable(("file",), (("d|e",), ("f",))),
        images=(ResultImage("a", "one"), ResultImage("b", "two")),
    )  # fmt: skip
    assert shown.markdown(lambda image: f"data:{image.path}" if image.path == "a" else None).splitlines() == [
        r"### a\_b\|c\*.mp4 was made", "", "![one](data:a)", "",
        "|  |  |", "| --- | --- |", r"| **made** | \<a\> |", "", r"- \[x\]", "",
        "| file |", "| --- |", r"| d\|e |", "| f |",
    ]  # fmt: skip


def test_many_items_are_a_hundred_and_a_count() -> None:
    rows = tuple((f"{number}.mp4",) for number in range(250))
    images = tuple(ResultImage(path, path, small=True) for (path,) in rows[:2])
    shown = ResultCard("250 videos", notes=tuple(path for (path,) in rows), table=ItemTable(("video",), rows, images))
    lines = list(shown.lines())
    assert len(lines) == 1 + 101 + 1 + 101
    assert (lines[100], lines[101], lines[-2], lines[-1]) == (
        "  - 99.mp4", "  - and 150 more",
        "  99.mp4", "  and 150 more",
    )  # fmt: skip
    text = shown.markdown(lambda image: f"data:{image.path}")
    assert (text.count("![]("), text.count(".mp4 |"), text.count("and 150 more")) == (2, 100, 2)


def test_a_name_with_control_characters_stays_in_its_cell() -> None:
    card = ResultCard("a\rb\x1b[2J\x85.mp4", (("made", "c\td\u2028e\x00"),), ("f\vg",))
    assert card.markdown().splitlines() == [
        "### a b \\[2J .mp4", "", "|  |  |", "| --- | --- |", "| **made** | c d e  |", "", "- f g",
    ]  # fmt: skip
