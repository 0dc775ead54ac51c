"""A list of the server is read to its end, however its pages fall."""

from __future__ import annotations

import pytest

from reelmill.dispatch.server.connection import PAGE, read_pages


@pytest.mark.parametrize("length", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
@pytest.mark.parametrize("at_most", [None, 0, 1, PAGE, PAGE + 50, 10 * PAGE])
def test_a_list_is_read_to_its_end_or_its_limit(length: int, at_most: int | None) -> None:
    items = list(range(length))
    limits: list[int] = []

    def read(limit: int, offset: int) -> list[int]:
        limits.append(limit)
        return items[offset : offset + limit]

    assert read_pages(read, at_most) == items[:at_most]
    assert all(0 < limit <= PAGE for limit in limits)
