from __future__ import annotations

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import findings, product_sources
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.facts.tagging import set_by_person, set_found, tags_of
from reelmill.catalogue.models import Analysis, Video, VideoTag
from reelmill.catalogue.videos import merging, searching


def _video(path: str) -> Video:
    return Video(title=path, path=path, directory_type="inbox", filename=path, size=1, mtime_ns=1)


def test_two_records_of_one_file_become_one_with_what_each_knew(catalogue: str) -> None:
    kept, other = _video("a.mp4"), _video("b.mp4")
    with session() as opened:
        opened.add_all([kept, other])
    kept_id, other_id = kept.id, other.id

    def tag(video: Video, name: str) -> VideoTag:
        return VideoTag(video_id=video.id, name=name, confidence=0.7)

    with session() as opened:
        set_found(opened, kept_id, [tag(kept, "both"), tag(kept, "mine"), tag(kept, "refused")])
        set_found(opened, other_id, [tag(other, "both"), tag(other, "theirs")])
        set_by_person(opened, other_id, "refused", fits=False)
        for video_id, result in ((kept_id, b"mine"), (other_id, b"theirs")):
            findings.store_analysis(
                opened, Analysis(video_id=video_id, kind="signals", version="1", size=1, mtime_ns=1, result=result)
            )
    with session() as opened:
        merging.absorb(opened, searching.get_video(opened, kept_id), searching.get_video(opened, other_id))
    with session() as opened:
        assert searching.count_videos(opened) == 1
        assert {found.name for found in tags_of(opened, kept_id)} == {"both", "mine", "theirs"}
        analysis = opened.get(Analysis, (kept_id, "signals"))
        assert analysis is not None
        assert analysis.result == b"mine"


def test_what_two_records_of_one_file_are_made_of_is_what_one_of_them_knew(catalogue: str) -> None:
    names = ("source", "kept", "other", "twin", "product")
    with session() as opened:
        opened.add_all(videos := {name: _video(f"{name}.mp4") for name in names}.values())
        ids = {video.path.removesuffix(".mp4"): video.id for video in videos}
    segments = {name: SourceSegment(source_id=video_id, source_path=f"{name}.mp4") for name, video_id in ids.items()}
    made = {"kept": ["source"], "other": ["source", "twin", "kept"], "product": ["other", "source"]}
    with session() as opened:
        for name, sources in made.items():
            product_sources.record(opened, ids[name], [segments[source] for source in sources])
    with session() as opened:
        merging.absorb(opened, searching.get_video(opened, ids["kept"]), searching.get_video(opened, ids["other"]))
    with session() as opened:
        found = {name: product_sources.sources_of(opened, ids[name]) for name in ("kept", "product")}
        assert {name: [row.source_id for row, _ in rows] for name, rows in found.items()} == {
            "kept": [ids["source"]],
            "product": [ids["kept"], ids["source"]],
        }
        merging.absorb(opened, searching.get_video(opened, ids["twin"]), searching.get_video(opened, ids["kept"]))
    with session() as opened:
        assert [row.source_id for row, _ in product_sources.sources_of(opened, ids["twin"])] == [ids["source"]]
        assert [video.id for video in product_sources.products_of(opened, [ids["twin"]])] == [ids["product"]]
