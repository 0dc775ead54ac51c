"""Whose trouble an error of any kind is, ours or another library's, and whether waiting can help."""

from __future__ import annotations

import errno
from typing import Final

from reelmill.errors import FailureClass, ReelmillError

#: A disk that fails or a network share that blinked: the same call may work in a second.
DISK_TROUBLE: Final = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN})

#: What a programming error or a wrong value raises: the same again, however long one waits.
_BUGS: Final = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, NotImplementedError,
    TypeError, ValueError,
)  # fmt: skip

#: Errors of other libraries, by the name of the package they or what they inherit from (Prefect's from httpx) come
#: from, whose server may be back in a minute.
_SERVERS: Final = ("httpx", "httpcore", "sqlalchemy", "psycopg", "asyncpg", "distributed")


def classify(error: BaseException) -> tuple[FailureClass, bool]:
    """Whose trouble any error is, and whether waiting can help."""
    if isinstance(error, ReelmillError):
        return error.failure_class, error.retryable
    if isinstance(error, TimeoutError):
        return FailureClass.TIMEOUT, True
    if isinstance(error, MemoryError):
        return FailureClass.RESOURCE, True
    if isinstance(error, OSError):
        return _classify_os_error(error)
    if any(kind.__module__.partition(".")[0] in _SERVERS for kind in type(error).__mro__):
        return FailureClass.PLATFORM, _server_may_be_back(error)
    if type(error).__name__ in ("ParameterTypeError", "ParameterBindError", "ValidationError"):
        return FailureClass.USER, False
    return FailureClass.RUNTIME, not isinstance(error, _BUGS)


def most_retries(error: BaseException) -> int | None:
    """How often any error is worth a retry, whatever a job allows; None: as often as that does."""
    return error.most_retries if isinstance(error, ReelmillError) else None


def _server_may_be_back(error: BaseException) -> bool:
    """Not where it answered, and the answer was no: the question was wrong, and stays so."""
    refused = getattr(getattr(error, "response", None), "status_code", 500) < 500
    return not refused and type(error).__name__ not in ("IntegrityError", "ProgrammingError", "DataError")


def _classify_os_error(error: OSError) -> tuple[FailureClass, bool]:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
        return FailureClass.RESOURCE, True
    if isinstance(error, FileNotFoundError):
        return FailureClass.INPUT, False
    if isinstance(error, PermissionError):
        return FailureClass.CAPABILITY, False
    if isinstance(error, ConnectionError):
        return FailureClass.PLATFORM, True
    return FailureClass.RUNTIME, True
