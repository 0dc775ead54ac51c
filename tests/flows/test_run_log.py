"""An error of ours is one line of a run's log, whatever Prefect's engines log of it; any other is logged whole."""

from __future__ import annotations

import logging

import pytest

from flows.run_log import OwnErrors
from reelmill.errors import FfmpegFailed, UnknownVideo

_OURS = UnknownVideo("No video is called 'it\\'s \"x\"'; scan.", "it")


def _logged(message: str, error: Exception | None = None, *, asked: int = logging.INFO) -> logging.LogRecord | None:
    """What becomes of an error's record, where records of the level ``asked`` and above are logged."""
    logger = logging.getLogger("tests.a_run")
    logger.setLevel(asked)
    record = logger.makeRecord(
        logger.name, logging.ERROR, "engine.py", 1, message, (), (type(error), error, None) if error else None
    )
    return record if OwnErrors().filter(record) else None


@pytest.mark.parametrize("error", [_OURS, FfmpegFailed("no", argv=("ffmpeg",), exit_code=1, stderr_tail=())])
def test_a_traceback_of_ours_is_for_those_who_debug(error: Exception) -> None:
    assert _logged("Encountered exception during execution", error) is None
    record = _logged("Encountered exception during execution", error, asked=logging.DEBUG)
    assert record is not None
    assert (record.levelno, record.levelname) == (logging.DEBUG, "DEBUG")
    assert record.exc_info is not None


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("Encountered exception during execution: ValueError('a bug')", ValueError("a bug")),
        ("Finished in state Failed('Flow run encountered an exception: ValueError: a bug')", None),
        ("Finished in state Completed()", None),
        (f"user_error: {_OURS}", None),
    ],
)
def test_all_else_is_logged_as_it_is(message: str, error: Exception | None) -> None:
    record = _logged(message, error)
    assert record is not None
    assert (record.levelno, record.getMessage(), bool(record.exc_info)) == (logging.ERROR, message, error is not None)


@pytest.mark.parametrize("introduction", ["Task run encountered an exception ", "Flow run encountered an exception: "])
def test_the_last_line_names_the_state_alone(introduction: str) -> None:
    record = _logged(f"Finished in state Failed({f'{introduction}UnknownVideo: {_OURS}'!r})")
    assert record is not None
    assert record.getMessage() == "Finished in state Failed"
