"""What is read for the library's page: of very many videos no more than is shown and asked for."""

from __future__ import annotations

from functools import partial

import pytest

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import browsing, scanning
from reelmill.catalogue.videos.browsing import Order
from reelmill.catalogue.videos.listing import total_of
from reelmill.catalogue.videos.savings import Savings
from reelmill.pages.library_query import LibraryQuery
from reelmill.pages.views.library import _read, count_line


@pytest.mark.parametrize(
    ("query", "savings"),
    [
        (LibraryQuery(), Savings(3, 300, 30)),  # where nothing is left out, an index has it
        (LibraryQuery(words="sea 1"), Savings(1, 100, 10)),
        (LibraryQuery(words="sea"), None),
        (LibraryQuery(words="sea", order=Order.SAVING), Savings(3, 300, 30)),
    ],
)
def test_copies_of_very_many_videos_are_summed_up_where_somebody_asks(
    catalogue: str, monkeypatch: pytest.MonkeyPatch, query: LibraryQuery, savings: Savings | None
) -> None:
    monkeypatch.setattr(browsing, "total_of", partial(total_of, most=1))
    with session() as opened:
        copies = [
            Video(title=f"sea {n}", path=f"playback/{n}", directory_type="playback", filename=str(n), size=10,
                  mtime_ns=1, source_size=100)
            for n in range(3)
        ]  # fmt: skip
        scanning.upsert_videos(opened, copies)
    found = _read(query)
    assert (found.savings, found.wrong) == (savings, "")
    assert (" save" in count_line(found)) == (savings is not None)
