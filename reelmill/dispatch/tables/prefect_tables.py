"""The tables of Prefect's server as they are read here, column by column; ``contract`` compares them with a database.

They stand in the site's one database beside the catalogue, in the schema that Prefect's own names lead to.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Integer,
    Interval,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ENUM, JSON, JSONB

#: The types of Prefect's states.
STATE_TYPES: Final = (
    "SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED", "PAUSED", "CANCELLING",
)  # fmt: skip

METADATA: Final = MetaData()

_STATE_TYPE: Final = ENUM(*STATE_TYPES, name="state_type", create_type=False)
_TIME: Final = DateTime(timezone=True)

flow: Final = Table("flow", METADATA, Column("id", Uuid), Column("name", String))

flow_run: Final = Table(
    "flow_run",
    METADATA,
    Column("id", Uuid),
    Column("created", _TIME),
    Column("updated", _TIME),  # the start of the transaction that last changed it, by the database's clock
    Column("name", String),
    Column("flow_id", Uuid),
    Column("deployment_id", Uuid),
    Column("work_queue_id", Uuid),
    Column("work_queue_name", String),
    Column("state_id", Uuid),
    Column("state_type", _STATE_TYPE),
    Column("state_name", String),
    Column("run_count", Integer),
    Column("expected_start_time", _TIME),
    Column("next_scheduled_start_time", _TIME),
    Column("start_time", _TIME),
    Column("end_time", _TIME),
    Column("total_run_time", Interval),
    Column("parameters", JSONB),
    Column("tags", JSONB),
    Column("labels", JSONB),
    Column("job_variables", JSONB),
)

flow_run_state: Final = Table(
    "flow_run_state",
    METADATA,
    Column("id", Uuid),
    Column("flow_run_id", Uuid),
    Column("type", _STATE_TYPE),
    Column("name", String),
    Column("timestamp", _TIME),
    Column("message", String),
    Column("state_details", JSONB),
)

deployment: Final = Table("deployment", METADATA, Column("id", Uuid), Column("infra_overrides", JSONB))

work_pool: Final = Table(
    "work_pool", METADATA, Column("id", Uuid), Column("name", String), Column("base_job_template", JSONB)
)

work_queue: Final = Table(
    "work_queue",
    METADATA,
    Column("id", Uuid),
    Column("name", String),
    Column("work_pool_id", Uuid),
    Column("priority", Integer),
    Column("is_paused", Boolean),
    Column("concurrency_limit", Integer),
)

log: Final = Table(
    "log",
    METADATA,
    Column("id", Uuid),
    Column("flow_run_id", Uuid),
    Column("level", SmallInteger),
    Column("message", Text),
    Column("timestamp", _TIME),
)

artifact: Final = Table(
    "artifact",
    METADATA,
    Column("id", Uuid),
    Column("updated", _TIME),
    Column("key", String),
    Column("type", String),
    Column("flow_run_id", Uuid),
    Column("data", JSON),
    Column("description", String),
    Column("metadata_", JSON),
)
