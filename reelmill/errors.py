"""Every error Reelmill raises, in one tree.

    ReelmillError                    failure class         can waiting help?
    ├── InputError                   input_error           no    the file itself cannot be used
    │   ├── FileMissing
    │   ├── NotAVideo
    │   ├── DamagedVideo
    │   ├── EncryptedVideo
    │   └── Unstorable
    ├── UserError                    user_error            no    what was asked for makes no sense here
    │   ├── WrongParameter
    │   ├── UnknownVideo
    │   ├── AmbiguousVideo
    │   ├── UnknownName
    │   ├── WrongStatus
    │   ├── Contention
    │   ├── AlreadyThere
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
    │   ├── FfmpegFailed                                    no    but where the node kept it from its work
    │   ├── OutputRejected                                        once
    │   └── ChangedMeanwhile
    └── PlatformError                platform_error        yes   a server we need is away
        ├── LockLost                                             another run has taken over the work meanwhile
        └── SiteError                                      no    the site cannot come up as asked

The message of each is one sentence for a person: it names the thing and, where there is one, the way out.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from reelmill.troubles import FailureClass as FailureClass
from reelmill.troubles import Flaw, SiteTrouble


class ReelmillError(Exception):
    """Base of all: ``failure_class`` is whose trouble it is, ``retryable`` whether waiting can help.

    ``most_retries`` is how often it is worth a retry, whatever a job allows; None: as often as that does.

    Its first argument is the sentence; those after it are data, which its kind names. They are positional and have
    defaults, since errors are sent between nodes as their arguments, by some helpers the sentence alone.
    """

    failure_class: ClassVar[FailureClass] = FailureClass.RUNTIME
    retryable: bool = False
    most_retries: int | None = None

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InputError(ReelmillError):
    """The file itself cannot be used.

    Carries its ``path``, as it was named, and its ``flaw``.
    """

    failure_class = FailureClass.INPUT

    def __init__(self, message: str, path: Path | str = "", flaw: Flaw | None = None):
        super().__init__(message, str(path), flaw)
        self.path, self.flaw = str(path), flaw


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


class WrongParameter(UserError):
    """A parameter has a value that makes no sense here.

    Carries its name as ``parameter``, and its ``value``.
    """

    def __init__(self, message: str, parameter: str = "", value: Any = None):
        super().__init__(message, parameter, value)
        self.parameter, self.value = parameter, value


class UnknownVideo(UserError):
    """No video has this name.

    Carries it as ``name``, and ``nearest``: paths of the videos whose names are most like it.
    """

    def __init__(self, message: str, name: str, nearest: tuple[str, ...] = ()):
        super().__init__(message, name, nearest)
        self.name, self.nearest = name, nearest


class AmbiguousVideo(UserError):
    """Several videos have this name.

    Carries ``candidates``, the paths of the first of them.
    """

    def __init__(self, message: str, candidates: tuple[str, ...]):
        super().__init__(message, candidates)
        self.candidates = candidates


class UnknownName(UserError):
    """No job, batch, rule, pool, lane, job type, parameter or option is called so.

    Carries ``name``, and ``known``: what there is instead, where it can be listed.
    """

    def __init__(self, message: str, name: str, known: tuple[str, ...] = ()):
        super().__init__(message, name, known)
        self.name, self.known = name, known


class WrongStatus(UserError):
    """A job or batch in this status cannot be steered so.

    Carries ``status``, as people call it.
    """

    def __init__(self, message: str, status: str):
        super().__init__(message, status)
        self.status = status


class Contention(UserError):
    """A job changes at this very moment; the same may be asked for again in a moment.

    Carries the id of the ``job``.
    """

    def __init__(self, message: str, job: str = ""):
        super().__init__(message, job)
        self.job = job


class AlreadyThere(UserError):
    """A rule, a notification or a batch that does just that is there already.

    Carries its ``name``.
    """

    def __init__(self, message: str, name: str = ""):
        super().__init__(message, name)
        self.name = name


class NameTaken(UserError):
    """A file is there already, and none is ever overwritten.

    Carries its ``path``, relative to the media root.
    """

    def __init__(self, message: str, path: str):
        super().__init__(message, path)
        self.path = path


class OutsideMediaRoot(UserError):
    """A path leads out of the media root.

    Carries the ``path``, as it was written.
    """

    def __init__(self, message: str, path: str = ""):
        super().__init__(message, path)
        self.path = path


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
    """This node cannot do it: an encoder, a program or a device is missing.

    Carries what is ``missing``: the name of an encoder, a program, a package or a setting.
    """

    failure_class = FailureClass.CAPABILITY

    def __init__(self, message: str, missing: str = ""):
        super().__init__(message, missing)
        self.missing = missing


class ResourceError(ReelmillError):
    """Disk, memory or a device ran short; another time or place may have enough.

    Carries the ``path`` of the file or folder it is about, where it is about one.
    """

    failure_class = FailureClass.RESOURCE
    retryable = True

    def __init__(self, message: str, path: Path | str = "", *more: Any):
        super().__init__(message, str(path), *more)
        self.path = str(path)


class DiskFull(ResourceError):
    """No space left where the work is written.

    Carries in bytes what is ``needed`` and ``free``, where that is known.
    """

    def __init__(self, message: str, path: Path | str = "", needed: int | None = None, free: int | None = None):
        super().__init__(message, path, needed, free)
        self.needed, self.free = needed, free


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


#: Signals that come from outside: people, a site that stops, a kernel that is out of memory. Others are crashes.
_FROM_OUTSIDE: Final = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM})

#: Last lines of a program that its node, rather than its input, kept from its work. The first may also mean that the
#: file is damaged.
_NODE_TROUBLE: Final = re.compile(
    r"Input/output error|Stale file handle|Connection timed out|Host is down|Cannot allocate memory"
    r"|Resource temporarily unavailable|Too many open files|received signal \d+"
)


class FfmpegFailed(WorkError):
    """ffmpeg, or another program that encodes, ended with an error.

    The same input fails the same way again. So only where it was killed is it retried as often as the job allows, and
    once where its node may be the cause: it crashed, or what it said last is a trouble of the node.

    Carries ``argv``, ``exit_code`` and ``stderr_tail`` (its last lines) for the log.
    """

    retryable = False

    def __init__(self, message: str, *, argv: tuple[str, ...], exit_code: int, stderr_tail: tuple[str, ...]):
        super().__init__(message)
        self.argv = argv
        self.exit_code = exit_code
        self.stderr_tail = stderr_tail
        crashed = exit_code < 0 and -exit_code not in _FROM_OUTSIDE
        troubled = any(_NODE_TROUBLE.search(line) for line in stderr_tail)
        self.retryable = exit_code <= 0 or troubled  # 0: it was kept from reading its input to the end
        self.most_retries = 1 if crashed or exit_code >= 0 else None

    def __reduce__(self) -> tuple[Callable[..., FfmpegFailed], tuple[Any, ...]]:
        # Exceptions travel between nodes as their positional arguments, and these have names.
        named = partial(type(self), argv=self.argv, exit_code=self.exit_code, stderr_tail=self.stderr_tail)
        return named, self.args


class OutputRejected(WorkError):
    """A finished file failed verification, so it never entered the library.

    Its node may be the cause, once: memory or a disk that gave other bytes.

    Carries its ``findings``, each a ``reelmill.ffmpeg.finding.Finding``: what is wrong with it.
    """

    most_retries = 1

    def __init__(self, message: str, findings: Sequence[Any] = ()):
        super().__init__(message, tuple(findings))
        self.findings = tuple(findings)


class ChangedMeanwhile(WorkError):
    """A file or its record changed while it was worked on, and what was begun is undone.

    Carries its ``path``.
    """

    def __init__(self, message: str, path: Path | str = ""):
        super().__init__(message, str(path))
        self.path = str(path)


class PlatformError(ReelmillError):
    """A server we need (database, Prefect) is away."""

    failure_class = FailureClass.PLATFORM
    retryable = True


class LockLost(PlatformError):
    """The lock on the work went with a connection to the database, and another run has taken it over."""


class SiteError(PlatformError):
    """The site cannot come up as asked; waiting does not help.

    Carries its ``trouble``, and what that is ``about``: a folder, a worker, a port, a setting.
    """

    retryable = False

    def __init__(self, message: str, trouble: SiteTrouble | None = None, about: Path | str = ""):
        super().__init__(message, trouble, str(about))
        self.trouble, self.about = trouble, str(about)
