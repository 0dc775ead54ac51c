"""What ``prefect.yaml`` lists, read strictly: Prefect itself silently ignores a misspelt key."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Self

import yaml
from prefect import Flow
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reelmill.errors import SiteError
from reelmill.queue.job import LANES
from reelmill.queue.job_type import deployment_names
from reelmill.troubles import SiteTrouble
from workpools.pools import pools


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JobVariables(_Strict):
    """The job variables of a deployment."""

    vram_mb: int = Field(ge=0)
    max_retries: int | None = Field(default=None, ge=0)


class WorkPool(_Strict):
    """Where a deployment's runs wait."""

    name: str
    work_queue_name: str
    job_variables: JobVariables


class Schedule(_Strict):
    """When runs are made by themselves."""

    cron: str
    timezone: str
    slug: str
    active: bool = True


class Stanza(_Strict):
    """One deployment."""

    name: str
    entrypoint: str
    tags: list[str]
    work_pool: WorkPool
    parameters: dict[str, Any] = {}
    schedules: list[Schedule] = []

    def flow(self) -> Flow[..., Any]:
        """The flow itself."""
        module, _, name = self.entrypoint.rpartition(".")
        found = getattr(importlib.import_module(module), name)
        assert isinstance(found, Flow)
        return found

    def check(self) -> Self:
        """Check that it names only pools and lanes that exist, is named as its job type and tagged as its pool.

        Returns:
            Itself.

        Raises:
            SiteError: with what is wrong.
        """
        pool = self.work_pool
        if pool.name not in {known.name for known in pools()}:
            raise SiteError(
                f"prefect.yaml puts {self.entrypoint} into the unknown work pool {pool.name!r}.",
                SiteTrouble.DEPLOYMENTS,
                self.name,
            )
        if pool.work_queue_name not in LANES:
            raise SiteError(
                f"prefect.yaml puts {self.entrypoint} into the unknown lane {pool.work_queue_name!r}.",
                SiteTrouble.DEPLOYMENTS,
                self.name,
            )
        names = deployment_names(self.entrypoint.rpartition(".")[2], pool.name)
        if self.name not in names:
            raise SiteError(
                f"prefect.yaml must name the deployment of {self.entrypoint} {' or '.join(names)}.",
                SiteTrouble.DEPLOYMENTS,
                self.name,
            )
        if pool.name not in self.tags:
            raise SiteError(
                f"prefect.yaml must tag the deployment of {self.entrypoint} with its pool, {pool.name!r}.",
                SiteTrouble.DEPLOYMENTS,
                self.name,
            )
        return self


def prefect_yaml() -> Path:
    """Where ``prefect.yaml`` is: beside the packages in a checkout, inside this one when installed."""
    here = Path(__file__).parent
    for candidate in (here.parent / "prefect.yaml", here / "prefect.yaml"):
        if candidate.is_file():
            return candidate
    raise SiteError("prefect.yaml is missing from this installation; install Reelmill again.", SiteTrouble.INSTALLATION)


def stanzas(path: Path | None = None) -> tuple[Stanza, ...]:
    """Every deployment listed.

    Args:
        path: of the file; None for that of this installation.

    Returns:
        In the order of the file.

    Raises:
        SiteError: the file holds something it must not.
    """
    path = path or prefect_yaml()
    content = yaml.safe_load(path.read_text())
    try:
        return tuple(Stanza.model_validate(entry).check() for entry in content["deployments"])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SiteError(
            f"{path.name} is not as it must be at {where}: {first['msg']}.", SiteTrouble.DEPLOYMENTS, where
        ) from error
