from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from reelmill.errors import FileMissing, NotMounted, OutsideMediaRoot, UserError
from reelmill.storage.media_root import GIFS, OUTPUT_TYPES, OWN_FOLDERS, THUMBNAILS, MediaRoot
from tests.refusals import refused


@pytest.mark.parametrize(
    "name",
    ["a b.mp4", "it's.mp4", '"q".mp4', "two\nlines.mp4", "🎬.mp4", "-rf.mp4", "a:b.mp4", "100%d.mp4", "..hidden", "~x"],
)
def test_odd_names_resolve_to_themselves(media_root: MediaRoot, name: str) -> None:
    expected = media_root.path.resolve() / "inbox" / name
    assert media_root.resolve(f"inbox/{name}") == expected
    assert media_root.resolve(expected) == expected


@pytest.mark.parametrize(
    "written", ["..", "../x.mp4", "inbox/../../x.mp4", "/etc/passwd", "inbox/../../media-of-others/x.mp4", "/"]
)
def test_a_path_out_of_the_root_is_refused_by_name(media_root: MediaRoot, written: str) -> None:
    with pytest.raises(OutsideMediaRoot) as refusal:
        media_root.resolve(written)
    assert repr(written) in str(refusal.value)


def test_a_folder_whose_name_begins_like_the_root_is_outside(media_root: MediaRoot) -> None:
    with pytest.raises(OutsideMediaRoot):
        media_root.resolve(f"{media_root.path}2/x.mp4")


def test_dots_that_stay_inside_are_fine(media_root: MediaRoot) -> None:
    assert media_root.resolve("inbox/../public/x.mp4") == media_root.path.resolve() / "public/x.mp4"


def test_nul_is_refused(media_root: MediaRoot) -> None:
    with refused(OutsideMediaRoot, path="inbox/a\0b.mp4"):
        media_root.resolve("inbox/a\0b.mp4")


def test_a_link_out_is_refused_and_one_inside_followed(media_root: MediaRoot, tmp_path: Path) -> None:
    outside = tmp_path / "outside.mp4"
    outside.write_bytes(b"x")
    inside = media_root.path / "public" / "real.mp4"
    inside.write_bytes(b"x")
    (media_root.path / "inbox/out.mp4").symlink_to(outside)
    (media_root.path / "inbox/folder").symlink_to(tmp_path)
    (media_root.path / "inbox/in.mp4").symlink_to(inside)
    for written in ("inbox/out.mp4", "inbox/folder/outside.mp4"):
        with pytest.raises(OutsideMediaRoot):
            media_root.resolve(written)
    assert media_root.resolve("inbox/in.mp4") == inside.resolve()


def test_a_link_in_a_circle_is_refused(media_root: MediaRoot) -> None:
    (media_root.path / "inbox/a.mp4").symlink_to("b.mp4")
    (media_root.path / "inbox/b.mp4").symlink_to("a.mp4")
    with pytest.raises(UserError):
        media_root.resolve("inbox/a.mp4")


def test_a_root_that_is_itself_a_link_works(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "media").symlink_to(tmp_path / "disk")
    root = MediaRoot(tmp_path / "media")
    root.create()
    assert root.resolve("inbox/x.mp4") == tmp_path.resolve() / "disk/inbox/x.mp4"
    with pytest.raises(OutsideMediaRoot):
        root.resolve("../x.mp4")


def test_create_is_repeatable_and_makes_every_folder(tmp_path: Path) -> None:
    root = MediaRoot(tmp_path / "deep/media")
    root.create()
    (root.path / "inbox/kept.mp4").write_bytes(b"kept")
    root.create()
    assert (root.path / "inbox/kept.mp4").read_bytes() == b"kept"
    assert all(root.folder(kind).is_dir() for kind in OWN_FOLDERS)
    assert all((root.path / kind).is_dir() for kind in (THUMBNAILS, GIFS))
    assert root.work.is_dir()


@pytest.mark.parametrize("kind", OWN_FOLDERS)
def test_own_folders_are_at_the_top(media_root: MediaRoot, kind: str) -> None:
    assert media_root.folder(kind) == media_root.path / kind
    assert media_root.directory_type(f"{kind}/x.mp4") == kind
    assert media_root.directory_type(f"{kind}/deep/er/x.mp4") == kind


@pytest.mark.parametrize("kind", ["films", "Ferien 2019 ☀", "-dash"])
def test_other_types_are_folders_of_the_library(media_root: MediaRoot, kind: str) -> None:
    assert media_root.folder(kind) == media_root.path / "library" / kind
    assert media_root.directory_type(f"library/{kind}/x.mp4") == kind


@pytest.mark.parametrize("kind", ["", "..", ".", "a/b", "/etc", "../inbox", "films/", "a\0b"])
def test_a_type_must_be_a_plain_folder_name(media_root: MediaRoot, kind: str) -> None:
    with pytest.raises(UserError):
        media_root.folder(kind)


@pytest.mark.parametrize(
    "path", ["x.mp4", "inbox", "library/x.mp4", "thumbnails/x.jpg", "gifs/x.gif", ".reelmill/work/x.mp4", ""]
)
def test_what_is_in_no_folder_of_the_library(media_root: MediaRoot, path: str) -> None:
    with pytest.raises(UserError):
        media_root.directory_type(path)


def test_relative_is_what_resolve_takes(media_root: MediaRoot) -> None:
    path = media_root.path / "library" / "films" / "été.mp4"
    assert media_root.relative(path) == "library/films/été.mp4"
    assert media_root.resolve(media_root.relative(path)) == path.resolve()


def test_outputs_are_folders_of_their_own() -> None:
    assert set(OUTPUT_TYPES) < set(OWN_FOLDERS)


def test_a_file_of_the_library_is_opened(media_root: MediaRoot) -> None:
    (media_root.path / "inbox" / "a.mp4").write_bytes(b"abc")
    with media_root.open_file("inbox/a.mp4") as opened:
        assert opened.read() == b"abc"


def test_what_is_no_file_is_not_opened(media_root: MediaRoot) -> None:
    os.mkfifo(media_root.path / "inbox" / "pipe.mp4")  # nobody writes into it: to wait would be for ever
    for path in ("inbox", "inbox/pipe.mp4", "inbox/nothing.mp4", "inbox/" + "x" * 300):
        with pytest.raises(FileMissing):
            media_root.open_file(path)
    opened = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    assert not [path for path in opened if path.startswith(str(media_root.path.resolve()))]


def test_a_link_put_in_the_way_after_the_look_is_not_followed(
    media_root: MediaRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = media_root.path.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.mp4").write_bytes(b"secret")
    inbox = media_root.path / "inbox"
    (inbox / "a.mp4").touch()
    resolved = media_root.resolve("inbox/a.mp4")

    def swapped(root: MediaRoot, written: str) -> Path:
        inbox.rename(inbox.with_name("inbox.away"))
        inbox.symlink_to(elsewhere)
        return resolved

    monkeypatch.setattr(MediaRoot, "resolve", swapped)
    with pytest.raises(OutsideMediaRoot):
        media_root.open_file("inbox/a.mp4")


def test_a_library_that_is_not_mounted_has_no_files(tmp_path: Path) -> None:
    with pytest.raises(NotMounted):
        MediaRoot(tmp_path / "gone").open_file("inbox/a.mp4")


def test_images_lie_in_folders_of_their_own_and_older_ones_where_they_are(tmp_path: Path) -> None:
    root, video_id = MediaRoot(tmp_path), uuid.UUID("abcdef01-0000-4000-8000-000000000000")
    assert root.image_path("thumbnails", video_id, "-1.jpg") == f"thumbnails/ab/{video_id}-1.jpg"
    (tmp_path / "thumbnails").mkdir()
    (tmp_path / f"thumbnails/{video_id}-1.jpg").touch()
    assert root.image_path("thumbnails", video_id, "-1.jpg") == f"thumbnails/{video_id}-1.jpg"
