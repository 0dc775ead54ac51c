"""The BLAKE2b of each file that a job made, so that a flipped bit which still decodes is found."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("video", sa.Column("blake2", sa.String(), nullable=True), schema="catalogue")


def downgrade() -> None:
    op.drop_column("video", "blake2", schema="catalogue")
