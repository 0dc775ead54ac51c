"""What Prefect logs of an error of ours, cut down to what a person needs: its sentence, once."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Final

from reelmill.errors import ReelmillError

#: The loggers of runs, as ``prefect.logging.get_run_logger`` documents them, and that of their processes.
_LOGGERS: Final = ("prefect.flow_runs", "prefect.task_runs", "prefect.engine")

#: A run's last line: the state and, in quotes, its message.
_LAST_LINE: Final = re.compile(
    r"""(Finished in state \w+)\(["'](?:Task|Flow) run encountered an exception:? (\w+):? """
)


class OwnErrors(logging.Filter):
    """The frame of a job logs an error's sentence; the task's and the flow's own engines log it six times more.

    Of errors of ours, each of which is one sentence with the way out, a traceback goes to DEBUG, and the last line of a
    run names the state alone. The state keeps its message, and of any other error all is logged as Prefect does.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is logged; it may be changed.

        Args:
            record: of one of the loggers of runs.

        Returns:
            False where nobody asked for as much.
        """
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, ReelmillError):
            record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
            return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)
        line = _LAST_LINE.match(record.getMessage())
        if line is not None and line[2] in set(_names(ReelmillError)):
            record.msg, record.args = line[1], ()
        return True


def _names(kind: type[ReelmillError]) -> Iterator[str]:
    yield kind.__name__
    for child in kind.__subclasses__():
        yield from _names(child)


_filter: Final = OwnErrors()


def shorten_errors() -> None:
    """Have the loggers of this process log errors of ours so; again, it changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_filter)
