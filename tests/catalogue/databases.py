"""What is asked of a database by tests of the schema."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from reelmill.catalogue.models import SCHEMA, CatalogueModel


def url_of(engine: Engine) -> str:
    """Its URL, for those that know no driver of SQLAlchemy's."""
    return engine.url.render_as_string(hide_password=False).replace("+psycopg", "")


def differences(engine: Engine) -> list[object]:
    """What alembic would write into a next migration."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "version_table_schema": SCHEMA,
                "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
                "compare_server_default": True,
            },
        )
        return list(compare_metadata(context, CatalogueModel.metadata))
