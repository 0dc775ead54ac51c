"""What is refused: by the kind of the error and the data it carries, rather than by its sentence."""

from __future__ import annotations

from types import TracebackType

import pytest


class refused:  # noqa: N801  (reads as what it is: ``with refused(UserError):``)
    """An error of just this kind, that carries this data; may be used again, by every parameter set of a test.

    Args:
        kind: the class of the error itself.
        **data: attributes of the error, and what they are.
    """

    def __init__(self, kind: type[Exception], **data: object):
        self._kind, self._data = kind, data

    def __enter__(self) -> None:
        """What is within must raise."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            pytest.fail(f"{self._kind.__name__} was not raised")
        if kind is not self._kind:
            return False
        assert {name: getattr(error, name) for name in self._data} == self._data
        return True
