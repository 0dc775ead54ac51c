"""A job's result as data on the server, for programs: results themselves are files of the node that made them."""

from __future__ import annotations

from typing import Any, Final, Protocol, runtime_checkable

from pydantic import BaseModel

#: Of each list in it so many items: a scan of 100,000 files reports them all, and the server is no file system.
ITEMS: Final = 100


@runtime_checkable
class ListedResult(Protocol):
    """The result of a job that people go through item by item, of which there may be thousands."""

    def every_item(self) -> list[dict[str, Any]]:
        """All of them as JSON, small: ids rather than what the catalogue knows of them."""


def result_data(result: BaseModel) -> dict[str, Any]:
    """A result as JSON, its long lists and mappings cut.

    Args:
        result: of a job.

    Returns:
        Its fields.
    """
    data: dict[str, Any] = _cut(result.model_dump(mode="json"))
    return data


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _cut(item) for name, item in list(value.items())[:ITEMS]}
    return [_cut(item) for item in value[:ITEMS]] if isinstance(value, list) else value
