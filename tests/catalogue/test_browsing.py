"""Videos browsed a page at a time: in every order each is met once, whatever comes in meanwhile."""

from __future__ import annotations

import pytest

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import tagging
from reelmill.catalogue.filters import tag_lookup
from reelmill.catalogue.filters.filter_conditions import Condition
from reelmill.catalogue.filters.filter_parser import parse_filter
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import browsing, scanning
from reelmill.catalogue.videos.browsing import Order, browse, directory_types
from reelmill.catalogue.videos.listing import list_videos, narrowed
from reelmill.errors import UserError
from reelmill.pages.library_query import LibraryQuery


def _add(*videos: tuple[str, str, int, float | None]) -> None:
    with session() as opened:
        scanning.upsert_videos(
            opened,
            [
                Video(
                    path=f"{folder}/{name}", title=name, directory_type=folder, filename=name, size=size, mtime_ns=1,
                    duration=duration,
                )
                for folder, name, size, duration in videos
            ],
        )  # fmt: skip


def _paths(order: Order, limit: int, condition: Condition | None = None) -> list[str]:
    after, found = "", []
    while True:
        with session() as opened:
            page = browse(opened, condition or narrowed(), order, after=after, limit=limit)
        found += [video.path for video in page.videos]
        if page.next is None:
            return found
        after = page.next


def _searched(words: str) -> Condition:
    return LibraryQuery(words=words).condition()


@pytest.mark.parametrize("order", Order)
def test_each_video_is_met_once_in_every_order(catalogue: str, order: Order) -> None:
    _add(
        ("inbox", "b", 10, None), ("inbox", "A", 10, 2.5), ("videos", "c", 10, 2.5), ("videos", "d", 30, None),
        ("videos", "É", 20, 0.1), ("inbox", "a", 10, 1 / 3),
    )  # fmt: skip
    with session() as opened:
        whole = [video.path for video in browse(opened, narrowed(), order).videos]
        assert directory_types(opened) == ["inbox", "videos"]
    assert len(whole) == 6
    assert [_paths(order, limit) for limit in (1, 2, 5)] == [whole] * 3


def test_titles_are_paged_in_the_lower_case_of_the_database(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    titles = ["Inbox", "İstanbul", "Italy", "Izmir", "Japan", "ΟΔΟΣ", "ΟΔΟΣΑ", "e\u0301", "\u00e9", "EZ", "x" * 250]
    _add(*(("inbox", title, 1, None) for title in titles))
    whole = _paths(Order.TITLE, 60)
    for limit in (1, 2, 3):
        assert sorted(_paths(Order.TITLE, limit)) == sorted(f"inbox/{title}" for title in titles)
    monkeypatch.setattr(browsing, "_FIRST", 0)  # all that are meant are sorted, which no index has done
    monkeypatch.setattr(browsing, "_MOST", 0)
    assert [_paths(Order.TITLE, limit) for limit in (1, 2, 60)] == [whole] * 3


def test_orders_sort_by_what_they_are_called(catalogue: str) -> None:
    _add(("a", "2", 1, None), ("a", "1", 3, 5.0), ("b", "0", 2, 9.0))
    with session() as opened:
        for video in list_videos(opened, narrowed()):
            video.source_size = {"a/1": 2, "b/0": 12}.get(video.path)
            opened.add(video)
    orders = (Order.SAVING, Order.LARGEST, Order.LONGEST, Order.TITLE, Order.PATH)
    assert [_paths(order, 1) for order in orders] == [
        ["b/0", "a/1", "a/2"],
        ["a/1", "b/0", "a/2"],
        ["b/0", "a/1", "a/2"],
        ["b/0", "a/1", "a/2"],
        ["a/1", "a/2", "b/0"],
    ]


@pytest.mark.parametrize("order", Order)
def test_what_is_meant_may_stand_anywhere_in_an_order(
    catalogue: str, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(
        *(
            ("inbox", f"{'film' if number % 7 > 2 else 'clip'} {number % 11}-{number}", number, 1.0 * (number % 5))
            for number in range(40)
        )
    )
    many = [_paths(order, 3, _searched(words)) for words in ("film", "clip 1-")]
    assert [len(found) for found in many] == [22, 2]
    for first, most in ((0, 0), (0, 8000), (1, 0), (1, 8000), (20, 0)):
        monkeypatch.setattr(browsing, "_FIRST", first)
        monkeypatch.setattr(browsing, "_MOST", most)
        assert [_paths(order, 3, _searched(words)) for words in ("film", "clip 1-")] == many, (first, most)


@pytest.mark.parametrize("words", ["film", "FILM old", "f", "e\u0301", "\u00e9", "e", "film%", "x" * 201, "İ", "ΟΔΟΣ"])
def test_titles_that_begin_with_a_word_are_found_with_those_that_do_not(
    catalogue: str, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    beginning = [
        f"{word} {number}" for word in ("film", "Film old", "e\u0301", "É", "İx", "ΟΔΟΣ") for number in range(5)
    ]
    inside = [
        "an old film",
        "0 film",
        "a e\u0301",
        "a é",
        "zz film old",
        "film% 1",
        "x" * 250,
        "a" + "x" * 220,
        "ο ΟΔΟΣΑ",
    ]
    _add(*(("inbox", title, 1, None) for title in (*(f"clip {number}" for number in range(20)), *beginning, *inside)))
    found = []
    for first in (0, 2):  # as it is without, and with: the first titles are none that are meant
        monkeypatch.setattr(browsing, "_FIRST", first)
        monkeypatch.setattr(browsing, "_MOST", 0)
        found.append([_paths(Order.TITLE, limit, _searched(words)) for limit in (2, 3, 60)])
    assert found[0] == found[1]
    assert found[0][0] == found[0][1] == found[0][2]
    assert words in ("FILM old", "film%", "x" * 201) or len(found[0][0]) > 5


def test_tags_are_searched_however_many_videos_have_them(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _add(*(("inbox", f"{number}", 1, None) for number in range(6)))
    with session() as opened:
        for video in list_videos(opened, narrowed()):
            tagging.set_by_person(opened, video.id, "seaside" if video.title == "4" else "outside")
        tagging.set_by_person(opened, video.id, "beach")
        tagging.set_by_person(opened, video.id, "seal", fits=False)
    for most in (2000, 2):
        monkeypatch.setattr(tag_lookup, "_MOST", most)
        found = {
            words: len(_paths(Order.TITLE, 4, _searched(words))) for words in ("side", "SEA", "side 4", "beach", "no")
        }
        assert found == {"side": 6, "SEA": 1, "side 4": 1, "beach": 1, "no": 0}
        assert _paths(Order.PATH, 2, parse_filter("not tag = outside")) == ["inbox/4"]


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        ("summer", ["Summer 2019", "late summer"]),
        ("SUMMER LATE", ["late summer"]),
        ("19 sum", ["Summer 2019"]),
        ("été", ["L'ÉTÉ"]),
        ("100%", ["100% wool"]),
        ("%", ["100% wool"]),
        ("a_b", ["a_b"]),
        ("_", ["a_b"]),
        ("back\\slash", ["back\\slash"]),
        ("'", ["L'ÉTÉ"]),
        ("'; DROP TABLE video; --", []),
        ("winter", []),
    ],
)
def test_search(catalogue: str, words: str, titles: list[str]) -> None:
    every = ["Summer 2019", "late summer", "L'ÉTÉ", "100% wool", "1000 wool", "a_b", "axb", "back\\slash", "backslash"]
    _add(*(("inbox", title, 1, None) for title in every))
    assert {path.removeprefix("inbox/") for path in _paths(Order.TITLE, 3, _searched(words))} == set(titles)


@pytest.mark.parametrize("after", ["no place", "[]", '["a", "b", "c"]', '["yesterday", "b"]', "7"])
def test_what_is_no_place_in_an_order_is_refused(catalogue: str, after: str) -> None:
    with session() as opened, pytest.raises(UserError):
        browse(opened, narrowed(), Order.LARGEST, after=after)


def test_an_address_and_what_it_chooses_are_one() -> None:
    given = {"search": "two words", "folder": "inbox", "state": "usable", "origin": "made", "sort": "title"}
    query = LibraryQuery.read(lambda name: given.get(name, ""))
    assert query.choices(paged=False) == {**given, "where": "", "after": ""}
    assert str(query.condition()).startswith("not missing and not invalid and made and directory_type = inbox and (")
    assert LibraryQuery.read(lambda _: "nonsense").order is Order.NEWEST
    assert not LibraryQuery.read(lambda _: "").narrows
