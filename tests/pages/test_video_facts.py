"""What the page of a video says of its file."""

from __future__ import annotations

import pytest

from reelmill.catalogue.models import Video
from reelmill.pages.views.video import facts


@pytest.mark.parametrize(
    ("probed", "named"),
    [("matroska,webm", "Matroska or WebM"), ("mov,mp4,m4a,3gp,3g2,mj2", "MP4 or QuickTime"), ("avi", "avi")],
)
def test_a_container_goes_by_the_name_that_people_know(probed: str, named: str) -> None:
    video = Video(path="inbox/a", filename="a", title="a", directory_type="inbox", size=1, mtime_ns=1, container=probed)
    assert dict(facts(video))["Container"] == named
