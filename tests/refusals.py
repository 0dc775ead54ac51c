"""What is refused: by the kind of the error and the data it carries, rather than by its sentence."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import pytest

from reelmill.errors import OutputRejected
from reelmill.ffmpeg.finding import Finding, FindingKind


class refused:  # noqa: N801  (reads as what it is: ``with refused(UserError):``)
    """An error of just this kind, that carries this data; may be used again, by every parameter set of a test.

    Args:
        kind: the class of the error itself.
        **data: attributes of the error, and what they are.

    ``error`` is what was raised last.
    """

    error: Any

    def __init__(self, kind: type[Exception], **data: object):
        self._kind, self._data = kind, data

    def __enter__(self) -> Self:
        """What is within must raise."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            pytest.fail(f"{self._kind.__name__} was not raised")
        if kind is not self._kind:
            return False
        self.error = error
        assert {name: getattr(error, name) for name in self._data} == self._data
        return True


class rejected(refused):  # noqa: N801
    """A finished file that is thrown away because of these, among other things.

    Args:
        *kinds: of what is wrong with it.
    """

    def __init__(self, *kinds: FindingKind):
        super().__init__(OutputRejected)
        self._kinds = set(kinds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        caught = super().__exit__(kind, error, trace)
        if isinstance(error, OutputRejected):
            assert self._kinds <= {finding.kind for finding in error.findings}, error.findings
        return caught


def data_of(finding: Finding) -> dict[str, Any]:
    """What a finding is made of, without its sentence: what tests compare."""
    return {name: value for name, value in finding.to_json().items() if name != "sentence"}


def the_one(findings: Iterable[Finding], kind: FindingKind) -> dict[str, Any]:
    """The data of the one finding of a kind."""
    (found,) = [finding for finding in findings if finding.kind is kind]
    return data_of(found)
