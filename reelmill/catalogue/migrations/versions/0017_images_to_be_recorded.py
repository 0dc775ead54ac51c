"""Whether images on the disk are to be recorded once: until 0013 most of them had no rows."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

SCHEMA = "catalogue"


def upgrade() -> None:
    op.add_column(
        "site",
        sa.Column("has_unrecorded_images", sa.Boolean(), nullable=False, server_default=sa.false()),
        schema=SCHEMA,
    )
    op.execute("UPDATE catalogue.site SET has_unrecorded_images = EXISTS (SELECT FROM catalogue.video)")


def downgrade() -> None:
    op.drop_column("site", "has_unrecorded_images", schema=SCHEMA)
