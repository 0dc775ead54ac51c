from __future__ import annotations

from reelmill.catalogue import findings, merging, searching
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Analysis, Video, VideoTag
from reelmill.catalogue.tagging import set_by_person, set_found, tags_of


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
