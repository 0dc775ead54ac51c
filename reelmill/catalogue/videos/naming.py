"""From what people call a video to its record: an id or its beginning, a path, a file name or a title."""

from __future__ import annotations

import os.path
import posixpath
import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

import sqlalchemy
from sqlmodel import Session, col, select

from reelmill.catalogue.limits import clean
from reelmill.catalogue.models import FOLDED_FILENAME, FOLDED_TITLE, TITLE_KEY, Video
from reelmill.errors import AmbiguousVideo, OutsideMediaRoot, UnknownVideo
from reelmill.settings import get_settings
from reelmill.storage.media_root import MediaRoot
from reelmill.wording import beginnings

#: Candidates that a refusal lists.
SHOWN: Final = 10

#: Characters of a name: no path is longer.
LONGEST: Final = 4096

#: Hex digits of an id as lists show it.
SHORT: Final = 8

_WAY_OUT: Final = "`reelmill videos list` lists all there are"
_BEGINNING: Final = re.compile("[0-9a-f]{4,31}")
_EXTENSION: Final = re.compile(r"\.\w{2,5}$")
_NEAREST: Final = 3

#: How many names that look alike to PostgreSQL are sorted by how much: a library of ``IMG_0001`` to ``IMG_9999`` has
#: nothing else.
_ALIKE: Final = 1000

_Clause = sqlalchemy.ColumnElement[bool]
_Text = sqlalchemy.ColumnElement[str]


def resolve_video(session: Session, name: str | uuid.UUID, root: MediaRoot | None = None) -> Video:
    """The video of this name.

    Ways to name it are tried in this order, and the first that leads anywhere decides: a whole id; a path; a file
    name, then a title, as they are written; both again in any case and in either Unicode normalisation; the beginning
    of an id. So a file called ``2019`` is not hidden by an id that begins so. Of several videos with the same name, one
    that a job made steps back behind others, and a missing one behind those that are there.

    Args:
        session: of the catalogue.
        name: an id, at least the first four hex digits of one (dashes may be left out), a path under the media root
            (relative to it, or absolute), a file name or a title.
        root: where absolute paths lead to; None: this node's media root.

    Returns:
        Its record.

    Raises:
        UnknownVideo: there is none.
        AmbiguousVideo: there are several, which are listed.
        OutsideMediaRoot: there is none, and the name is an absolute path to somewhere else.

    Example:
        >>> with session() as opened:
        ...     video = resolve_video(opened, "chaplin.mp4")
    """
    if isinstance(name, str):
        name = clean(name)
    asked = parse_id(name)
    if asked is not None and (video := session.get(Video, asked)) is not None:
        return video
    if isinstance(name, uuid.UUID):
        raise UnknownVideo(f"No video has the id {name}; {_WAY_OUT}.", str(name))
    if not name.strip() or len(name) > LONGEST:
        raise UnknownVideo(f"{name[:60]!r} names no video; {_WAY_OUT}.", name)
    root = root or MediaRoot(get_settings().media_root)
    if (video := _by_path(session, _paths(name, root))) is not None:
        return video
    for clause in _clauses(name):
        if found := _preferred(session, clause):
            return _only(found, name)
    message, nearest = _refusal(session, name, root)
    raise UnknownVideo(message, name, nearest)


def resolve_ids(session: Session, names: Iterable[str], root: MediaRoot | None = None) -> dict[str, uuid.UUID]:
    """The ids of videos by their names; whole ids, most of what programs give, are looked up at once.

    Args:
        session: of the catalogue.
        names: see ``resolve_video``, as every error is.
        root: see there.

    Returns:
        By the names as they are given.

    Raises:
        UserError: a name leads nowhere, or to several videos.
    """
    asked = {name: parse_id(name) for name in names}
    wanted = {one for one in asked.values() if one is not None}
    known = set(session.exec(select(Video.id).where(col(Video.id).in_(wanted)))) if wanted else set()
    return {name: one if one in known else resolve_video(session, name, root).id for name, one in asked.items()}


def parse_id(text: str | uuid.UUID) -> uuid.UUID | None:
    """The id that a text is; None where it is none."""
    if isinstance(text, uuid.UUID):
        return text
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None


def short_ids(ids: Sequence[uuid.UUID]) -> list[str]:
    """The beginnings of ids: eight hex digits, or more where those are the same.

    Returns:
        In the order of the ids; each is a name for its video.
    """
    return beginnings([one.hex for one in ids], range(SHORT, 32))


def _spellings(name: str) -> list[str]:
    """A name as it is written, without spaces around it, and in both Unicode normalisations; the first counts most."""
    written = (name, name.strip())
    normalised = (unicodedata.normalize(form, text) for form in ("NFC", "NFD") for text in written)
    return list(dict.fromkeys((*written, *normalised)))


def _paths(name: str, root: MediaRoot) -> list[str]:
    """Paths in the catalogue that a name may mean; the first counts most."""
    paths = []
    for spelling in _spellings(name):
        if not spelling.startswith("/"):
            relative = posixpath.normpath(spelling)
            paths += [] if relative.startswith("../") else [relative]
            continue
        for top in (root.path.as_posix(), root.path.resolve().as_posix()):
            inside = posixpath.relpath(spelling, top)
            paths += [] if inside.startswith("../") else [inside]
        with suppress(OutsideMediaRoot):  # a link on the way leads to what the catalogue may hold by another path
            paths.append(root.relative(root.resolve(spelling)))
    return list(dict.fromkeys(paths))


def _by_path(session: Session, paths: Sequence[str]) -> Video | None:
    found = {video.path: video for video in session.exec(select(Video).where(col(Video.path).in_(paths)))}
    return next((found[path] for path in paths if path in found), None)


def _clauses(name: str) -> Iterator[_Clause]:
    """What a video of this name meets, the strictest first; an index serves each."""
    filename: _Text = sqlalchemy.literal_column(FOLDED_FILENAME)
    title: _Text = sqlalchemy.literal_column(FOLDED_TITLE)
    folded = [_folded(text) for text in dict.fromkeys((name, name.strip()))]
    same_filename = filename.in_(folded)
    same_title = title.in_([sqlalchemy.func.left(key, TITLE_KEY) for key in folded])
    yield same_filename & (col(Video.filename) == name)
    yield same_title & (col(Video.title) == name)
    yield same_filename
    yield same_title & _folded(Video.title).in_(folded)
    digits = name.strip().lower().replace("-", "")
    if _BEGINNING.fullmatch(digits):
        first, last = (uuid.UUID(digits.ljust(32, filler)) for filler in "0f")
        yield col(Video.id).between(first, last)


def _folded(text: Any) -> sqlalchemy.Function[Any]:
    """A text or column as the indexes hold it: in lower case and one Unicode normalisation, both PostgreSQL's."""
    return sqlalchemy.func.lower(sqlalchemy.func.normalize(text))


def _preferred(session: Session, clause: _Clause) -> list[Video]:
    """Of the videos that meet a clause those to be preferred, by path; one more at most than are shown."""
    made: _Clause = sqlalchemy.inspect(Video).local_table.c.is_product
    missing = col(Video.missing_since).is_not(None)
    # Materialized: to stop early, PostgreSQL would read the whole index of paths in their order.
    every = select(Video.id, Video.path, made.label("made"), missing.label("missing")).where(clause)
    meeting = every.cte("meeting").prefix_with("MATERIALIZED")
    order = meeting.c.made, meeting.c.missing, meeting.c.path
    rows = session.connection().execute(sqlalchemy.select(*meeting.c).order_by(*order).limit(SHOWN + 1)).all()
    ids = [row.id for row in rows if (row.made, row.missing) == (rows[0].made, rows[0].missing)]
    return list(session.exec(select(Video).where(col(Video.id).in_(ids)).order_by(col(Video.path)))) if ids else []


def _only(videos: Sequence[Video], name: str) -> Video:
    if len(videos) == 1:
        return videos[0]
    shown = videos[:SHOWN]
    candidates = [
        f"{video.path} ({short})" for video, short in zip(shown, short_ids([v.id for v in videos]), strict=False)
    ]
    count = len(videos) if len(videos) <= SHOWN else f"more than {SHOWN}"
    raise AmbiguousVideo(
        f"{name!r} names {count} videos; name one by its path or its id: {', '.join(candidates)}"
        f"{' and others' if len(videos) > SHOWN else ''}.",
        tuple(video.path for video in shown),
    )


def _refusal(session: Session, name: str, root: MediaRoot) -> tuple[str, tuple[str, ...]]:
    """Why a name leads nowhere, and the way out; and the paths of those most like it."""
    if name.strip().startswith("/"):
        root.resolve(name.strip())  # raises where that is outside
    for path in _paths(name, root):
        if _is_file(root, path):
            return f"{path} is there and not in the catalogue yet; scan its folder.", ()
    if parse_id(name) is not None:
        return f"No video has the id {name}; {_WAY_OUT}.", ()
    nearest = _nearest(session, posixpath.basename(name.strip()))
    near = f"the nearest is {' or '.join(nearest)}, and " if nearest else ""
    return f"No video is called {name!r}; {near}{_WAY_OUT}.", tuple(nearest)


def _is_file(root: MediaRoot, path: str) -> bool:
    """Whether a file of the media root is there: whoever asks learns nothing of those beside it."""
    try:
        return os.path.isfile(root.resolve(path))  # noqa: PTH113 - Path.is_file raises where a name is too long
    except OutsideMediaRoot:
        return False


def _nearest(session: Session, name: str) -> list[str]:
    """Paths of the videos whose file name or title shares most with a name."""
    name = _EXTENSION.sub("", name)  # which every file shares, so that PostgreSQL would compare them all
    title, filename = col(Video.title), col(Video.filename)
    likeness = sqlalchemy.func.greatest(*(sqlalchemy.func.similarity(one, name) for one in (title, filename)))
    alike = select(Video.path, likeness.label("likeness")).where(title.op("%")(name) | filename.op("%")(name))
    some = alike.limit(_ALIKE).cte("alike").prefix_with("MATERIALIZED")
    best = sqlalchemy.select(some.c.path).order_by(some.c.likeness.desc(), some.c.path).limit(_NEAREST)
    return list(session.connection().execute(best).scalars())
