"""What opens the site: Prefect's auth string, and the key pair of its Dask cluster."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("auth_string", sa.String(), nullable=True), schema="catalogue")
    op.add_column("site", sa.Column("dask_keys", sa.String(), nullable=True), schema="catalogue")


def downgrade() -> None:
    op.drop_column("site", "dask_keys", schema="catalogue")
    op.drop_column("site", "auth_string", schema="catalogue")
