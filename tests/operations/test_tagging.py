from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.tagging import set_by_person, tagged, tags_of
from reelmill.errors import UnknownVideo, UserError
from reelmill.operations.tagging import tag_generation
from reelmill.operations.workbench import Workbench
from tests.clips import clip
from tests.operations.library import add


@pytest.fixture
def video(bench: Workbench) -> Video:
    return add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=3, sound=0))


def test_tags_are_found_with_their_evidence_and_kept(bench: Workbench, video: Video) -> None:
    run = uuid.uuid4()
    result = tag_generation(replace(bench, run_id=run), str(video.id))
    found = {tag.name: tag for tag in result.tags}
    assert found["landscape"].evidence == {"width": 160, "height": 120}
    assert found["no-sound"].confidence == 1
    assert result.back_end == "classical signals"
    with session() as opened:
        kept = tags_of(opened, video.id)
        assert [tag.name for tag in kept] == [tag.name for tag in result.tags]
        assert {tag.made_by for tag in kept} == {run}
        assert [one.path for one in tagged(opened, "no-sound")] == [video.path]
        assert tagged(opened, "portrait") == []


def test_what_a_person_said_stands(bench: Workbench, video: Video) -> None:
    tag_generation(bench, str(video.id))
    with session() as opened:
        set_by_person(opened, video.id, " Holiday ")
        set_by_person(opened, video.id, "landscape", fits=False)
        set_by_person(opened, video.id, "no-sound")
    result = tag_generation(bench, str(video.id))
    found = {tag.name: tag for tag in result.tags}
    assert found["holiday"].by_person
    assert "landscape" not in found
    assert found["no-sound"].by_person
    with session() as opened:
        assert tagged(opened, "landscape") == []


def test_what_no_longer_holds_goes(bench: Workbench, video: Video) -> None:
    assert "no-sound" in {tag.name for tag in tag_generation(bench, str(video.id)).tags}
    clip(bench.root.path / video.path, seconds=3, sound=1)
    assert "no-sound" not in {tag.name for tag in tag_generation(bench, str(video.id)).tags}


def test_what_cannot_be_is_said(bench: Workbench, video: Video) -> None:
    with pytest.raises(UnknownVideo):
        tag_generation(bench, str(uuid.uuid4()))
    for name in ("", "  ", "x" * 65):
        with session() as opened, pytest.raises(UserError, match="1 to 64 characters"):
            set_by_person(opened, video.id, name)
