"""A journal in a workspace, read: one that is damaged, or of a newer version, is an error in words, never a traceback.

A journal carries the version of its format. A process reads those of its own version and of all before; one that a
newer process wrote it leaves for a newer process, since what it does not know of it might be what counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from reelmill.classification import DISK_TROUBLE
from reelmill.errors import InputError

#: Of the format that this version of Reelmill writes. It is raised whenever an older process would misread a journal.
VERSION: Final = 1


class Journal(BaseModel):
    """What every journal holds."""

    model_config = ConfigDict(frozen=True)

    version: int = VERSION  # those of the first releases have none, and are of version 1


Kind = TypeVar("Kind", bound=Journal)
Value = TypeVar("Value")


def inside(path: str) -> str:
    """``path``, where it is one relative to the media root that stays in it.

    Returns:
        The same path.

    Raises:
        ValueError: it is not.
    """
    names = PurePosixPath(path).parts
    if not names or names[0] == "/" or ".." in names or "\0" in path:
        raise ValueError(f"{path!r} is no path inside the media root")
    return path


#: A path relative to the media root, as journals hold it.
Inside = Annotated[str, AfterValidator(inside)]


def read(path: Path, model: type[Kind]) -> Kind:
    """The journal at ``path``.

    Returns:
        What it holds.

    Raises:
        InputError: it cannot be read, is not what a journal of this kind holds, or a newer version wrote it.
        OSError: its disk does not answer just now.
    """
    try:
        written = path.read_bytes()
    except OSError as error:
        if error.errno in DISK_TROUBLE:
            raise
        raise _illegible(path, error.strerror or str(error)) from error
    if not written.strip():
        raise _illegible(path, "it is empty")
    _refuse_newer(path, written)
    return parsed(path, lambda: model.model_validate_json(written))


def _refuse_newer(path: Path, written: bytes) -> None:
    """Refuse what a newer version wrote, before its fields are looked at, which may be others."""
    try:
        version = json.loads(written).get("version")
    except (ValueError, AttributeError, RecursionError):  # nothing that a version could be read from
        return
    if isinstance(version, int) and version > VERSION:
        raise InputError(
            f"The journal {path} was written by a newer version of Reelmill (it is of format {version}, and this "
            f"version knows {VERSION}), so nothing that it is about is touched: bring this node up to date, and the "
            "next start of the site finishes or undoes it."
        )


def parsed(path: Path, parse: Callable[[], Value]) -> Value:
    """What ``parse`` makes of the journal at ``path``.

    Returns:
        The value.

    Raises:
        InputError: it makes nothing of it.
    """
    try:
        return parse()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _illegible(path, f"{where}: {first['msg']}" if where else first["msg"]) from error
    except (ValueError, ArithmeticError) as error:  # a rate of 1/0, a path that leads out
        raise _illegible(path, str(error)) from error


def _illegible(path: Path, why: str) -> InputError:
    return InputError(
        f"The journal {path} of a run that was ended cannot be read ({why}), so nothing that it may be about is "
        f"touched: look whether the files it names are as they should be, then remove the folder {path.parent}."
    )
