from __future__ import annotations

import copy
import errno
import pickle
import re
import signal
from typing import Any

import httpx
import psycopg
import pytest
from prefect.exceptions import ParameterBindError, ParameterTypeError, PrefectHTTPStatusError
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from reelmill import errors
from reelmill.classification import classify, most_retries
from reelmill.errors import DiskFull, FailureClass, FfmpegFailed, OutputRejected, ReelmillError
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.troubles import Flaw, SiteTrouble

_LINE = re.compile(r"^ {4}(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+) *(?P<rest>.*)$")


def _drawn() -> dict[str, tuple[str | None, str | None, bool | None]]:
    """Each class of the drawing: its parent's name, and the failure class and the retry answer where they are drawn."""
    drawing = (errors.__doc__ or "").split("\n\n")[1]
    found: dict[str, tuple[str | None, str | None, bool | None]] = {}
    above: list[str] = []
    for line in drawing.splitlines():
        match = _LINE.match(line)
        assert match, line
        depth = len(match["branch"]) // 4
        del above[depth:]
        words = match["rest"].split()
        failure = next((word for word in words if word in set(FailureClass)), None)
        retry = next(({"yes": True, "no": False}[word] for word in words if word in ("yes", "no")), None)
        found[match["name"]] = (above[-1] if above else None, failure, retry)
        above.append(match["name"])
    return found


def _classes() -> dict[str, type[ReelmillError]]:
    found, waiting = {}, [ReelmillError]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind
        waiting += [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return found


_FILE: dict[str, Any] = {"path": "inbox/a.mp4", "flaw": Flaw.EMPTY}

#: What those errors are made of that carry more than their sentence.
_DATA: dict[str, dict[str, Any]] = {
    "InputError": _FILE,
    "FileMissing": _FILE,
    "NotAVideo": _FILE,
    "DamagedVideo": _FILE,
    "EncryptedVideo": _FILE,
    "Unstorable": _FILE,
    "WrongParameter": {"parameter": "crf", "value": 99},
    "UnknownVideo": {"name": "a"},
    "AmbiguousVideo": {"candidates": ("a", "b")},
    "UnknownName": {"name": "a", "known": ("b",)},
    "WrongStatus": {"status": "running"},
    "Contention": {"job": "a"},
    "AlreadyThere": {"name": "a"},
    "NameTaken": {"path": "inbox/a.mp4"},
    "OutsideMediaRoot": {"path": "../a.mp4"},
    "FilterError": {"text": "a b", "position": 2},
    "TooFewVideos": {"needed": 2, "held": 1},
    "CapabilityError": {"missing": "h264_nvenc"},
    "ResourceError": {"path": "/media"},
    "DiskFull": {"path": "/media", "needed": 3, "free": 2},
    "GpuBusy": {"path": "/dev/nvidia0"},
    "Unreadable": {"path": "inbox/a.mp4"},
    "NotMounted": {"path": "/media"},
    "ProcessStalled": {"seconds": 1.5},
    "FfmpegFailed": {"argv": ("ffmpeg",), "exit_code": 1, "stderr_tail": ("a",)},
    "OutputRejected": {"findings": (Finding(FindingKind.BLACK, at=1.5),)},
    "ChangedMeanwhile": {"path": "inbox/a.mp4"},
    "SiteError": {"trouble": SiteTrouble.OTHER_SITE, "about": "/media"},
}

#: Errors that carried their data from the first version on.
_NEVER_ALONE = {
    "UnknownVideo", "AmbiguousVideo", "UnknownName", "WrongStatus", "NameTaken", "FilterError", "TooFewVideos",
    "FfmpegFailed",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(_drawn()))
def test_a_class_comes_from_another_node_as_it_was(name: str) -> None:
    data = _DATA.get(name, {})
    error = _classes()[name]("one sentence", **data)
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(same), same.args, str(same)) == (type(error), error.args, str(error))
        assert {key: getattr(same, key) for key in data} == data


@pytest.mark.parametrize("name", sorted(set(_drawn()) - _NEVER_ALONE))
def test_an_error_of_an_older_node_arrives_though_it_has_no_more_than_its_sentence(name: str) -> None:
    kind, made_of = _classes()[name], ("one sentence",)
    same = pickle.loads(pickle.dumps(_Sent(kind, made_of)))
    assert (type(same), str(same)) == (kind, *made_of)


def test_every_kind_with_data_is_tried_with_it() -> None:
    plain = Exception.__init__
    takes_data = {name for name, kind in _classes().items() if kind.__init__ is not plain}
    assert takes_data == set(_DATA)


class _Sent:
    """Pickled as another node pickles an error."""

    def __init__(self, kind: type[ReelmillError], made_of: tuple[str, ...]):
        self._sent = kind, made_of

    def __reduce__(self) -> tuple[type[ReelmillError], tuple[str, ...]]:
        return self._sent


def test_the_drawing_has_every_class_and_no_other() -> None:
    assert set(_drawn()) == set(_classes())


@pytest.mark.parametrize("name", sorted(_drawn()))
def test_a_class_is_where_it_is_drawn(name: str) -> None:
    parent, failure, retry = _drawn()[name]
    kind = _classes()[name]
    assert kind.__bases__ == ((_classes()[parent],) if parent else (Exception,))
    if failure is not None:
        assert kind.failure_class == failure
    if retry is not None:
        assert kind.retryable is retry


@pytest.mark.parametrize("name", sorted(name for name, (_, failure, retry) in _drawn().items() if retry is None))
def test_what_is_not_drawn_is_as_its_parent(name: str) -> None:
    parent, _, _ = _drawn()[name]
    if parent is None:
        return
    assert _classes()[name].failure_class == _classes()[parent].failure_class
    assert _classes()[name].retryable is _classes()[parent].retryable


@pytest.mark.parametrize(
    ("exit_code", "said", "retryable", "most"),
    [
        pytest.param(1, "Invalid data found when processing input", False, 1, id="its input"),
        pytest.param(187, "x.mp4: Input/output error", True, 1, id="a disk, or damage"),
        pytest.param(244, "Cannot allocate memory", True, 1, id="memory"),
        pytest.param(255, "Exiting normally, received signal 15.", True, 1, id="asked to end"),
        pytest.param(0, "[in#0] Error during demuxing: Stale file handle", True, 1, id="cut off"),
        pytest.param(-signal.SIGSEGV, "", True, 1, id="it crashed"),
        pytest.param(-signal.SIGKILL, "", True, None, id="killed"),
        pytest.param(-signal.SIGTERM, "", True, None, id="ended"),
    ],
)
def test_ffmpeg_is_retried_where_its_node_may_be_the_cause(
    exit_code: int, said: str, retryable: bool, most: int | None
) -> None:
    error = FfmpegFailed("ffmpeg failed", argv=("ffmpeg",), exit_code=exit_code, stderr_tail=("before", said))
    for same in (error, pickle.loads(pickle.dumps(error))):
        assert (classify(same)[1], most_retries(same)) == (retryable, most)


def test_a_file_that_is_rejected_is_made_once_more_and_other_errors_bound_no_retries() -> None:
    assert most_retries(OutputRejected("black")) == 1
    assert most_retries(DiskFull("full")) is None
    assert most_retries(OSError()) is None


def test_every_failure_class_is_some_errors() -> None:
    assert {kind.failure_class for kind in _classes().values()} == set(FailureClass)


# --- any error at all -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(_drawn()))
def test_our_own_errors_are_what_they_say(name: str) -> None:
    kind = _classes()[name]
    error = kind.__new__(kind)  # some want arguments, which are nothing to the answer
    assert classify(error) == (kind.failure_class, kind.retryable)


def _os_error(number: int) -> OSError:
    return OSError(number, "as the kernel says")


def _not_an_int() -> ValidationError:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(int).validate_python("seven")
    return raised.value


_REQUEST = httpx.Request("GET", "http://localhost/api")
_REFUSED = httpx.HTTPStatusError("422", request=_REQUEST, response=httpx.Response(422, request=_REQUEST))
_STATUS = httpx.HTTPStatusError("503", request=_REQUEST, response=httpx.Response(503, request=_REQUEST))


@pytest.mark.parametrize(
    ("error", "failure_class", "retryable"),
    [
        pytest.param(_os_error(errno.ENOSPC), FailureClass.RESOURCE, True, id="ENOSPC"),
        pytest.param(_os_error(errno.EDQUOT), FailureClass.RESOURCE, True, id="EDQUOT"),
        pytest.param(_os_error(errno.ENOMEM), FailureClass.RESOURCE, True, id="ENOMEM"),
        pytest.param(_os_error(errno.EMFILE), FailureClass.RESOURCE, True, id="EMFILE"),
        pytest.param(_os_error(errno.ENFILE), FailureClass.RESOURCE, True, id="ENFILE"),
        pytest.param(_os_error(errno.ENOENT), FailureClass.INPUT, False, id="ENOENT"),
        pytest.param(_os_error(errno.EACCES), FailureClass.CAPABILITY, False, id="EACCES"),
        pytest.param(_os_error(errno.EPERM), FailureClass.CAPABILITY, False, id="EPERM"),
        pytest.param(_os_error(errno.ETIMEDOUT), FailureClass.TIMEOUT, True, id="ETIMEDOUT"),
        pytest.param(_os_error(errno.EIO), FailureClass.RUNTIME, True, id="EIO"),
        pytest.param(_os_error(errno.ESTALE), FailureClass.RUNTIME, True, id="ESTALE"),
        pytest.param(OSError("no number"), FailureClass.RUNTIME, True, id="an OSError of no number"),
        pytest.param(ConnectionRefusedError(), FailureClass.PLATFORM, True, id="ConnectionRefusedError"),
        pytest.param(TimeoutError(), FailureClass.TIMEOUT, True, id="TimeoutError"),
        pytest.param(MemoryError(), FailureClass.RESOURCE, True, id="MemoryError"),
        pytest.param(httpx.ConnectError("refused"), FailureClass.PLATFORM, True, id="httpx.ConnectError"),
        pytest.param(httpx.ReadTimeout("slow"), FailureClass.PLATFORM, True, id="httpx.ReadTimeout"),
        pytest.param(_STATUS, FailureClass.PLATFORM, True, id="httpx.HTTPStatusError"),
        pytest.param(
            PrefectHTTPStatusError.from_httpx_error(_STATUS), FailureClass.PLATFORM, True, id="Prefect's heir of httpx"
        ),
        pytest.param(
            OperationalError("SELECT 1", {}, Exception("the server is shutting down")),
            FailureClass.PLATFORM,
            True,
            id="sqlalchemy OperationalError",
        ),
        pytest.param(
            IntegrityError("INSERT", {}, Exception("duplicate key")), FailureClass.PLATFORM, False, id="IntegrityError"
        ),
        pytest.param(_REFUSED, FailureClass.PLATFORM, False, id="httpx 422"),
        pytest.param(PoolTimeout("QueuePool"), FailureClass.PLATFORM, True, id="sqlalchemy TimeoutError"),
        pytest.param(psycopg.OperationalError("gone"), FailureClass.PLATFORM, True, id="psycopg.OperationalError"),
        pytest.param(_not_an_int(), FailureClass.USER, False, id="pydantic ValidationError"),
        pytest.param(ParameterTypeError("quality"), FailureClass.USER, False, id="Prefect ParameterTypeError"),
        pytest.param(ParameterBindError("quality"), FailureClass.USER, False, id="Prefect ParameterBindError"),
        pytest.param(KeyError("x"), FailureClass.RUNTIME, False, id="KeyError"),
        pytest.param(IndexError(), FailureClass.RUNTIME, False, id="IndexError"),
        pytest.param(ValueError(), FailureClass.RUNTIME, False, id="ValueError"),
        pytest.param(TypeError(), FailureClass.RUNTIME, False, id="TypeError"),
        pytest.param(AttributeError(), FailureClass.RUNTIME, False, id="AttributeError"),
        pytest.param(ZeroDivisionError(), FailureClass.RUNTIME, False, id="ZeroDivisionError"),
        pytest.param(AssertionError(), FailureClass.RUNTIME, False, id="AssertionError"),
        pytest.param(NotImplementedError(), FailureClass.RUNTIME, False, id="NotImplementedError"),
        pytest.param(ModuleNotFoundError(), FailureClass.RUNTIME, False, id="ModuleNotFoundError"),
        pytest.param(UnboundLocalError(), FailureClass.RUNTIME, False, id="UnboundLocalError"),
        pytest.param(RuntimeError("odd"), FailureClass.RUNTIME, True, id="RuntimeError"),
        pytest.param(Exception("odd"), FailureClass.RUNTIME, True, id="Exception"),
    ],
)
def test_an_error_of_others_is_put_where_it_belongs(
    error: BaseException, failure_class: FailureClass, retryable: bool
) -> None:
    assert classify(error) == (failure_class, retryable)


@pytest.mark.parametrize("bug", [KeyError, ValueError, OSError], ids=lambda kind: kind.__name__)
def test_the_cause_of_our_own_error_does_not_change_the_answer(bug: type[Exception]) -> None:
    error = errors.DiskFull("No space left in /media.")
    error.__cause__ = bug("beneath")
    assert classify(error) == (FailureClass.RESOURCE, True)
