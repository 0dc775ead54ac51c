"""What runs leave on the in-memory server beside themselves: lines of their logs, and artifacts."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

from prefect.client.schemas.objects import Artifact, Log

_PAGE: Final = 200


class MemoryRecords:
    """Logs and artifacts, behind the routes of Prefect's API."""

    def __init__(self) -> None:
        self._logs: list[Log] = []
        self._artifacts: dict[uuid.UUID, Artifact] = {}

    def add_logs(self, body: list[dict[str, Any]]) -> None:
        """Keep lines of logs."""
        self._logs += [Log.model_validate({"id": uuid.uuid4(), **line}) for line in body]

    def logs(self, body: dict[str, Any]) -> list[Log]:
        """Lines of logs by run and time, in the order that is asked for."""
        spec = body.get("logs") or {}
        after = (spec.get("timestamp") or {}).get("after_")
        since = None if after is None else datetime.fromisoformat(after)
        found = [
            line
            for line in self._logs
            if _wanted(line.flow_run_id, spec) and (since is None or line.timestamp >= since)
        ]
        newest_first = body.get("sort") == "TIMESTAMP_DESC"
        return _page(sorted(found, key=lambda line: line.timestamp, reverse=newest_first), body)

    def add_artifact(self, body: dict[str, Any], now: datetime) -> Artifact:
        """Keep an artifact."""
        artifact = Artifact.model_validate({"id": uuid.uuid4(), **body, "created": now, "updated": now})
        self._artifacts[artifact.id] = artifact
        return artifact

    def update_artifact(self, artifact_id: uuid.UUID, body: dict[str, Any], now: datetime) -> None:
        """Change an artifact."""
        changed = self._artifacts.pop(artifact_id).model_copy(update={**body, "updated": now})
        self._artifacts[artifact_id] = changed

    def artifacts(self, body: dict[str, Any]) -> list[Artifact]:
        """Artifacts by run, kind and key, the last changed first."""
        spec = body.get("artifacts") or {}
        kinds, keys = (spec.get("type") or {}).get("any_"), spec.get("key") or {}
        found = [
            artifact
            for artifact in reversed(self._artifacts.values())
            if _wanted(artifact.flow_run_id, {"flow_run_id": (body.get("flow_runs") or {}).get("id")})
            and (kinds is None or artifact.type in kinds)
            and (keys.get("any_") is None or artifact.key in keys["any_"])
            and (keys.get("like_") is None or keys["like_"].strip("%") in (artifact.key or ""))
        ]
        return _page(found, body)

    def forget(self, run_ids: set[uuid.UUID]) -> None:
        """Drop the logs of runs that were deleted, as the server does; it keeps their artifacts."""
        self._logs = [line for line in self._logs if line.flow_run_id not in run_ids]


def _wanted(run_id: uuid.UUID | None, spec: dict[str, Any]) -> bool:
    chosen = (spec.get("flow_run_id") or {}).get("any_")
    return chosen is None or str(run_id) in chosen


def _page(found: list[Any], body: dict[str, Any]) -> list[Any]:
    start = body.get("offset") or 0
    return found[start : start + (body.get("limit") or _PAGE)]
