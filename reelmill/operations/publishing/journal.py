"""A journal in a workspace, read: one that is damaged is an error in words, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError

from reelmill.classification import DISK_TROUBLE
from reelmill.errors import InputError

Journal = TypeVar("Journal", bound=BaseModel)
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


def read(path: Path, model: type[Journal]) -> Journal:
    """The journal at ``path``.

    Returns:
        What it holds.

    Raises:
        InputError: it cannot be read, or is not what a journal of this kind holds.
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
    return parsed(path, lambda: model.model_validate_json(written))


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
