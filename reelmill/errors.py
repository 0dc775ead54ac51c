"""Every error Reelmill raises, in one tree.

    ReelmillError                    failure class         can waiting help?
    ├── InputError                   input_error           no    the file itself cannot be used
    │   ├── FileMissing
    │   ├── NotAVideo
    │   ├── DamagedVideo
    │   ├── EncryptedVideo
    │   └── Unstorable
    ├── UserError                    user_error            no    what was asked for makes no sense here
    │   ├── UnknownVideo
    │   ├── AmbiguousVideo
    │   ├── UnknownName
    │   ├── WrongStatus
    │   ├── NameTaken
    │   ├── OutsideMediaRoot
    │   ├── FilterError
    │   └── TooFewVideos
    ├── CapabilityError              capability_mismatch   no    this node cannot do it
    ├── ResourceError                resource_error        yes   disk, memory or a device ran short
    │   ├── DiskFull
    │   ├── NotMounted
    │   ├── Unreadable
    │   └── GpuBusy
    ├── ProcessStalled               timeout               yes   no progress for too long
    ├── WorkError                    runtime_error         yes   the work went wrong
    │   ├── FfmpegFailed
    │   └── OutputRejected
    └── PlatformError                platform_error        yes   a server we need is away
        ├── LockLost                                             another run has taken over the work meanwhile
        └── SiteError                                      no    the site cannot come up as asked

The message of each is one sentence for a person: it names the thing and, where there is one, the way out.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar, Final


class FailureClass(StrEnum):
    """Whose trouble a failure is; kept on the job so that people can filter by it."""

    INPUT = "input_error"
    USER = "user_error"
    CAPABILITY = "capability_mismatch"
    RESOURCE = "resource_error"
    TIMEOUT = "timeout"
    RUNTIME = "runtime_error"
    PLATFORM = "platform_error"


class ReelmillError(Exception):
    """Base of all: ``failure_class`` is whose trouble it is, ``retryable`` whether waiting can help.

    Its first argument is the sentence; those after it are data, which some kinds name.
    """

    failure_class: ClassVar[FailureClass] = FailureClass.RUNTIME
    retryable: ClassVar[bool] = False

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InputError(ReelmillError):
    """The file itself cannot be used."""

    failure_class = FailureClass.INPUT


class FileMissing(InputError):
    """The catalogue knows the file, the disk does not."""


class NotAVideo(InputError):
    """The file opens, or does not, but there is no video in it."""


class DamagedVideo(InputError):
    """Parts of the file cannot be decoded."""


class EncryptedVideo(InputError):
    """The file is encrypted and we have no key."""


class Unstorable(InputError):
    """The catalogue cannot hold what is to be recorded: a time, a path or a number out of its bounds."""


class UserError(ReelmillError):
    """What was asked for makes no sense here."""

    failure_class = FailureClass.USER


class UnknownVideo(UserError):
    """No video has this name.

    Carries it as ``name``.
    """

    def __init__(self, message: str, name: str):
        super().__init__(message, name)
        self.name = name


class AmbiguousVideo(UserError):
    """Several videos have this name.

    Carries ``candidates``, the paths of the first of them.
    """

    def __init__(self, message: str, candidates: tuple[str, ...]):
        super().__init__(message, candidates)
        self.candidates = candidates


class UnknownName(UserError):
    """No job, pool, lane, job type or parameter is called so.

    Carries ``name``, and ``known``: what there is instead, where it can be listed.
    """

    def __init__(self, message: str, name: str, known: tuple[str, ...] = ()):
        super().__init__(message, name, known)
        self.name, self.known = name, known


class WrongStatus(UserError):
    """A job in this status cannot be steered so.

    Carries ``status``, as people call it.
    """

    def __init__(self, message: str, status: str):
        super().__init__(message, status)
        self.status = status


class NameTaken(UserError):
    """A file is there already, and none is ever overwritten.

    Carries its ``path``, relative to the media root.
    """

    def __init__(self, message: str, path: str):
        super().__init__(message, path)
        self.path = path


class OutsideMediaRoot(UserError):
    """A path leads out of the media root."""


class FilterError(UserError):
    """A filter over videos that cannot be read; its message points at the place.

    Args:
        reason: one sentence: what stands there, and what may.
        text: of the filter.
        position: of the first character that is wrong, from 0.
    """

    def __init__(self, reason: str, text: str, position: int):
        super().__init__(reason, text, position)
        self.reason, self.text, self.position = reason, text, position

    def __str__(self) -> str:
        if not self.text.strip():
            return self.reason
        line = re.sub(r"\s", " ", self.text)  # one line, whose places are those of the text
        return f"{self.reason}\n  {line}\n  {' ' * self.position}^"


class TooFewVideos(UserError):
    """The library holds fewer videos of the wanted kind than the job needs.

    Carries both numbers: ``needed`` and ``held``.
    """

    def __init__(self, message: str, needed: int, held: int):
        super().__init__(message, needed, held)
        self.needed, self.held = needed, held


class CapabilityError(ReelmillError):
    """This node cannot do it: an encoder, a program or a device is missing."""

    failure_class = FailureClass.CAPABILITY


class ResourceError(ReelmillError):
    """Disk, memory or a device ran short; another time or place may have enough."""

    failure_class = FailureClass.RESOURCE
    retryable = True


class DiskFull(ResourceError):
    """No space left where the work is written."""


class GpuBusy(ResourceError):
    """The GPU had no encoder session or memory to give, or was away."""


class Unreadable(ResourceError):
    """A disk or a share does not give a file's bytes just now; that is no fact about the file."""


class NotMounted(ResourceError):
    """The media root is not there, or an empty mount point stands in its place."""


class ProcessStalled(ReelmillError):
    """A process made no progress, or ran, for longer than allowed.

    Carries ``seconds``: how long that was.
    """

    failure_class = FailureClass.TIMEOUT
    retryable = True

    def __init__(self, message: str, seconds: float = 0.0):  # a helper of an earlier version sends the message alone
        super().__init__(message, seconds)
        self.seconds = seconds


class WorkError(ReelmillError):
    """The work itself went wrong."""

    retryable = True


class FfmpegFailed(WorkError):
    """ffmpeg, or another program that encodes, ended with an error.

    Carries ``argv``, ``exit_code`` and ``stderr_tail`` (its last lines) for the log.
    """

    def __init__(self, message: str, *, argv: tuple[str, ...], exit_code: int, stderr_tail: tuple[str, ...]):
        super().__init__(message)
        self.argv = argv
        self.exit_code = exit_code
        self.stderr_tail = stderr_tail

    def __reduce__(self) -> tuple[Callable[..., FfmpegFailed], tuple[Any, ...]]:
        # Exceptions travel between nodes as their positional arguments, and these have names.
        named = partial(type(self), argv=self.argv, exit_code=self.exit_code, stderr_tail=self.stderr_tail)
        return named, self.args


class OutputRejected(WorkError):
    """A finished file failed verification, so it never entered the library."""


class PlatformError(ReelmillError):
    """A server we need (database, Prefect) is away."""

    failure_class = FailureClass.PLATFORM
    retryable = True


class LockLost(PlatformError):
    """The lock on the work went with a connection to the database, and another run has taken it over."""


class SiteError(PlatformError):
    """The site cannot come up as asked; waiting does not help."""

    retryable = False


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
