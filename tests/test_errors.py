from __future__ import annotations

import re

import pytest

from reelmill import errors
from reelmill.errors import FailureClass, ReelmillError

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


def test_every_failure_class_is_some_errors() -> None:
    assert {kind.failure_class for kind in _classes().values()} == set(FailureClass)
