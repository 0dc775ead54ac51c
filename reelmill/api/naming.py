"""Names outside and inside: ``videoId`` over HTTP is ``video_id`` here, and nothing but this module maps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel, to_snake


class ApiModel(BaseModel):
    """Base of every answer."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True, frozen=True
    )


class ApiRequest(ApiModel):
    """Base of every body that is sent in: a field that nobody knows is an error, not a typing mistake that is lost."""

    model_config = ConfigDict(extra="forbid")


def inside(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a job as its flow calls them.

    Args:
        params: as sent, ``{"videoId": "…", "targetBitrate": "4M"}``; names that are snake_case already stay.

    Returns:
        ``{"video_id": "…", "target_bitrate": "4M"}``.

    Raises:
        ValueError: one is sent by both of its names.
    """
    own: dict[str, str] = {}  # how each was sent
    for name in params:
        if (other := own.setdefault(to_snake(name), name)) != name:
            raise ValueError(f"{other} and {name} are the same parameter; send it once")
    return {to_snake(name): value for name, value in params.items()}


def outside(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a job as the API calls them: ``inside``, the other way round."""
    return {to_camel(name): value for name, value in parameters.items()}
