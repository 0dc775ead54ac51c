"""Runs migrations on the connection that ``catalogue.engine.migrate`` hands over."""

from alembic import context

from reelmill.catalogue.models import SCHEMA, CatalogueModel

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=CatalogueModel.metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    include_name=lambda name, kind, _: kind != "schema" or name == SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()
