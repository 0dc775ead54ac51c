"""Where disks are mounted below the media root: one that is away is told from a folder that was emptied."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SCHEMA = "catalogue"


def upgrade() -> None:
    op.create_table(
        "mount_point",
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("path"),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_table("mount_point", schema=SCHEMA)
