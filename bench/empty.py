"""The flow whose runs the engine's rows count: it does nothing, so that all that is measured is the engine."""

from __future__ import annotations

from prefect import flow


@flow(name="empty")
def empty() -> None:
    """Do nothing."""
